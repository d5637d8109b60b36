//! A daemon for tests, in the test's own process: real superblock, real segments, a small socket server.
//! Everything stands under a dataset name of its own and is removed when it is dropped.
#![allow(dead_code, reason = "each test program uses a part of it")]

mod server;

use std::collections::HashMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use persondb_client::{Client, ClientBuilder, DatasetName, Generation, Unavailable};
use persondb_data::builder::{BuildOptions, build};
use persondb_data::input::InputSpec;
use persondb_data::segment::Segment;
use persondb_protocol::layout::{AnnouncedSegment, LAYOUT_VERSION};
use persondb_shm::superblock::SuperblockOwner;
use persondb_shm::{
    PublishedSegment, SegmentMode, SegmentWriter, StagedSegment, boot_now_ns, list, new_staging_name, unlink,
    wall_now_ns,
};

/// A daemon of its own dataset.
pub(crate) struct Daemon {
    pub(crate) name: DatasetName,
    folder: tempfile::TempDir,
    inner: Arc<Inner>,
    server: Option<Server>,
}

struct Inner {
    state: Mutex<State>,
    name: DatasetName,
    /// Layout version that it claims to have.
    layout: AtomicU32,
    /// Milliseconds before each answer.
    delay_ms: AtomicU64,
    /// Hands over no segments.
    withholds: AtomicBool,
    stopped: AtomicBool,
}

struct State {
    owner: Option<SuperblockOwner>,
    current: Option<Generation>,
    published: HashMap<Generation, Published>,
    told: Vec<Option<Generation>>,
    streams: Vec<UnixStream>,
}

struct Published {
    segment: PublishedSegment,
    announced: AnnouncedSegment,
    load_started_boot_ns: u64,
}

struct Server {
    running: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
    path: PathBuf,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Daemon {
    /// A daemon with nothing announced and no socket.
    pub(crate) fn new() -> Self {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let random = wall_now_ns() & 0xffff_ffff;
        let name = DatasetName::new(&format!("test-{}-{random:x}-{n}", std::process::id())).unwrap();
        let owner = SuperblockOwner::create_or_take(&name, SegmentMode::Group, None).unwrap();
        let state = State {
            owner: Some(owner),
            current: None,
            published: HashMap::new(),
            told: Vec::new(),
            streams: Vec::new(),
        };
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            name: name.clone(),
            layout: AtomicU32::new(LAYOUT_VERSION),
            delay_ms: AtomicU64::new(0),
            withholds: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let beating = Arc::clone(&inner);
        std::thread::spawn(move || {
            while !beating.stopped.load(Ordering::Relaxed) {
                if let Some(owner) = &beating.state().owner {
                    owner.beat();
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self { name, folder: tempfile::tempdir().unwrap(), inner, server: None }
    }

    /// The same, with a socket.
    pub(crate) fn listening() -> Self {
        let mut daemon = Self::new();
        daemon.listen();
        daemon
    }

    /// Settings of a client of this daemon: nothing outside of the test is looked at.
    pub(crate) fn client(&self) -> ClientBuilder {
        Client::builder().name(self.name.clone()).socket(self.socket()).program("a test")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("test.sock")
    }

    /// Builds and announces a generation whose people all have `title`.
    pub(crate) fn roll(&self, title: &str) -> Generation {
        let generation = self.publish(title);
        self.announce(generation);
        generation
    }

    /// Builds a generation and gives it its name, without announcing it.
    pub(crate) fn publish(&self, title: &str) -> Generation {
        self.publish_as_old_as(title, Duration::ZERO)
    }

    /// The same, with a load that began some time ago.
    pub(crate) fn publish_as_old_as(&self, title: &str, age: Duration) -> Generation {
        let generation = self.inner.state().owner.as_ref().unwrap().issue();
        let load_started_boot_ns = boot_now_ns() - u64::try_from(age.as_nanos()).unwrap();
        let bytes = self.segment(title, generation, load_started_boot_ns);
        let header_checksum = Segment::open(bytes.as_slice()).unwrap().header().header_checksum.get();
        let staging = new_staging_name(&self.name);
        let mut writer = SegmentWriter::create(&staging, bytes.len() as u64).unwrap();
        writer.bytes_mut().copy_from_slice(&bytes);
        writer.freeze(SegmentMode::Group, None).unwrap();
        let staged = StagedSegment::open(&staging).unwrap();
        let segment = staged.publish(&self.name.segment(generation, 0)).unwrap();
        let announced = AnnouncedSegment { size: bytes.len() as u64, header_checksum };
        let published = Published { segment, announced, load_started_boot_ns };
        self.inner.state().published.insert(generation, published);
        generation
    }

    pub(crate) fn announce(&self, generation: Generation) {
        let mut state = self.inner.state();
        let published = &state.published[&generation];
        let (announced, load_started) = (published.announced, published.load_started_boot_ns);
        state.owner.as_ref().unwrap().announce(generation, load_started, vec![announced]).unwrap();
        state.current = Some(generation);
    }

    /// Removes the name of a generation; whoever has it mapped keeps it.
    pub(crate) fn retire(&self, generation: Generation) {
        assert!(unlink(&self.name.segment(generation, 0)).unwrap());
        self.inner.state().published.remove(&generation);
    }

    /// Removes the superblock; the owner's mapping of it goes with it. With `Marked`, it is marked retired.
    pub(crate) fn remove_superblock(&self, mark: Mark) {
        let owner = self.inner.state().owner.take().unwrap();
        match mark {
            Mark::Retired => owner.retire_and_unlink().unwrap(),
            Mark::Not => {
                assert!(unlink(owner.name()).unwrap());
            }
        }
    }

    /// Makes a superblock anew.
    pub(crate) fn make_superblock(&self) {
        let owner = SuperblockOwner::create_or_take(&self.name, SegmentMode::Group, None).unwrap();
        self.inner.state().owner = Some(owner);
    }

    pub(crate) fn listen(&mut self) {
        let path = self.socket();
        let listener = UnixListener::bind(&path).unwrap();
        let running = Arc::new(AtomicBool::new(true));
        let (inner, accepting) = (Arc::clone(&self.inner), Arc::clone(&running));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if !accepting.load(Ordering::Relaxed) {
                    return;
                }
                let stream = stream.unwrap();
                inner.state().streams.push(stream.try_clone().unwrap());
                let inner = Arc::clone(&inner);
                std::thread::spawn(move || inner.serve(stream));
            }
        });
        self.server = Some(Server { running, thread, path });
    }

    /// Closes the socket and all connections.
    pub(crate) fn stop_listening(&mut self) {
        let Some(server) = self.server.take() else { return };
        server.running.store(false, Ordering::Relaxed);
        let _ = UnixStream::connect(&server.path);
        server.thread.join().unwrap();
        std::fs::remove_file(&server.path).unwrap();
        for stream in self.inner.state().streams.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Claims another layout version from now on.
    pub(crate) fn claim_layout(&self, layout: u32) {
        self.inner.layout.store(layout, Ordering::Relaxed);
    }

    /// Answers late from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.inner.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Hands over no segments from now on, as if none could be mapped.
    pub(crate) fn withhold_segments(&self) {
        self.inner.withholds.store(true, Ordering::Relaxed);
    }

    /// Hands over segments again.
    pub(crate) fn hand_over_segments(&self) {
        self.inner.withholds.store(false, Ordering::Relaxed);
    }

    /// Generations that clients said they moved to.
    pub(crate) fn told(&self) -> Vec<Option<Generation>> {
        self.inner.state().told.clone()
    }
}

/// Whether a removed superblock is marked first.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    Retired,
    Not,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop_listening();
        self.inner.stopped.store(true, Ordering::Relaxed);
        for listed in list(&self.name).unwrap() {
            unlink(&listed.name).unwrap();
        }
    }
}

impl Daemon {
    fn segment(&self, title: &str, generation: Generation, load_started_boot_ns: u64) -> Vec<u8> {
        let path = self.folder.path().join(format!("people-{generation}.csv"));
        std::fs::write(&path, people(title)).unwrap();
        let spec = InputSpec { people: vec![path], ..InputSpec::default() };
        let options = BuildOptions {
            generation,
            load_started_boot_ns,
            built_at_wall_ns: wall_now_ns(),
            config_digest: [0; 16],
            hash_seed: 7,
            threads: 1,
            rejects: None,
        };
        let mut bytes = Vec::new();
        build(&spec, &options, &mut bytes, &mut |_| {}).unwrap();
        bytes
    }
}

/// Address of a person that every generation has.
pub(crate) const ADDRESS: &str = "jane.doe@corp.example";

/// People of two tenants; one address and one name are shared.
fn people(title: &str) -> String {
    format!(
        "tenant_id,person_id,email,display_name,title\n\
         acme,1,jane.doe@corp.example,Jane Doe,{title}\n\
         acme,2,info@corp.example,Información,{title}\n\
         acme,3,info@corp.example,\"Front, Desk\",{title}\n\
         acme,4,jdoe@corp.example,Jane Doe,{title}\n\
         other,1,jane@other.example,Jane Doe,{title}\n"
    )
}

/// Title that a client finds now.
pub(crate) fn title(client: &Client) -> Result<String, Unavailable> {
    let pin = client.pin()?;
    let people = pin.get(ADDRESS).known()?.expect("the address is in every generation");
    Ok(people.sole().expect("one person has it").value("title")?.expect("it has a title").into_owned())
}

/// Waits until something holds, for ten seconds at most.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "did not happen within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Mappings of a dataset's segments in this process, as the kernel lists them.
pub(crate) fn mappings(name: &DatasetName) -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ours = format!("/dev/shm/persondb.{name}.g");
    maps.lines().filter(|line| line.contains(&ours)).map(str::to_owned).collect()
}
