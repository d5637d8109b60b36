//! A real `persondbd` on a dataset of its own, and the smallest client that speaks its protocol.
#![allow(dead_code, clippy::unwrap_used)] // every test program uses a part of it; helpers fail loudly

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use persondb_protocol::answer::Answer;
use persondb_protocol::codec::{FrameBuffer, REPLY_SIZE_MAX, REQUEST_SIZE_MAX, decode, encode};
use persondb_protocol::control::{
    Hello, Refusal, Reply, ReplyFrame, Request, RequestFrame, RollUntil, Rolled,
};
use persondb_protocol::status::Status;
use persondb_protocol::{DatasetName, Generation};
use persondb_shm::{Listed, list, recv_with_descriptors, unlink};

/// Longest wait for anything; far over what is usual, so that a slow machine does not fail a test.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A dataset with its folder; shared memory is cleaned up at the end.
pub(crate) struct Dataset {
    pub(crate) name: DatasetName,
    pub(crate) folder: tempfile::TempDir,
    messages: Receiver<String>,
}

/// A running daemon; killed at the end.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    socket: PathBuf,
}

/// One connection.
pub(crate) struct Client {
    stream: UnixStream,
    frames: FrameBuffer,
    next_id: u64,
}

impl Dataset {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = DatasetName::new(&format!("test-{}-{count}", std::process::id())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let notify = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        // Read at once, as a service manager does; ends with the test program.
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(size) = notify.recv(&mut buffer) {
                if sender.send(String::from_utf8_lossy(&buffer[..size]).into_owned()).is_err() {
                    return;
                }
            }
        });
        let dataset = Self { name, folder, messages };
        dataset.write_people(10, "a");
        dataset
    }

    pub(crate) fn people(&self) -> PathBuf {
        self.folder.path().join("people.csv")
    }

    /// `count` people whose titles end in `mark`.
    pub(crate) fn write_people(&self, count: usize, mark: &str) {
        let mut text = String::from("tenant_id,person_id,email,display_name,title\n");
        for i in 0..count {
            writeln!(text, "t{},p{i},p{i}@example.com,Person Number{i},title {mark}", i % 2).unwrap();
        }
        self.write_csv(&text);
    }

    /// Replaces the people as an export should: written beside, then renamed.
    pub(crate) fn write_csv(&self, text: &str) {
        let fresh = self.folder.path().join("people.new");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, self.people()).unwrap();
    }

    pub(crate) fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persondbd"));
        command
            .args(["--name", self.name.as_str(), "--people"])
            .arg(self.people())
            .arg("--socket")
            .arg(self.folder.path().join("socket"))
            .arg("--state-dir")
            .arg(self.folder.path().join("state"))
            .args(flags)
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("PERSONDB_LOG", "debug")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null());
        command
    }

    /// Starts a daemon without waiting for it.
    pub(crate) fn spawn(&self, flags: &[&str]) -> Daemon {
        Daemon::over(self.command(flags).spawn().unwrap(), self)
    }

    /// Starts a daemon and waits for READY.
    pub(crate) fn start(&self, flags: &[&str]) -> Daemon {
        while self.message().is_some() {}
        let daemon = self.spawn(flags);
        self.wait_for("READY=1");
        daemon
    }

    /// The next message to the service manager.
    pub(crate) fn message(&self) -> Option<String> {
        self.messages.recv_timeout(Duration::from_millis(100)).ok()
    }

    /// Waits for a message with this line, and gives all that came until then.
    pub(crate) fn wait_for(&self, line: &str) -> Vec<String> {
        let started = Instant::now();
        let mut seen = Vec::new();
        while started.elapsed() < PATIENCE {
            if let Some(message) = self.message() {
                let found = message.lines().any(|l| l == line);
                seen.push(message);
                if found {
                    return seen;
                }
            }
        }
        panic!("{line} did not come; seen: {seen:?}");
    }

    /// File names of this dataset in `/dev/shm`, without the dataset's own part.
    pub(crate) fn objects(&self) -> Vec<String> {
        let prefix = self.name.superblock().file_name().to_owned();
        let listed: Vec<Listed> = list(&self.name).unwrap();
        listed.iter().map(|l| l.name.file_name().strip_prefix(&prefix).unwrap().to_owned()).collect()
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        for listed in list(&self.name).unwrap_or_default() {
            let _ = unlink(&listed.name);
        }
    }
}

impl Daemon {
    pub(crate) fn over(child: Child, dataset: &Dataset) -> Self {
        Self { child, socket: dataset.folder.path().join("socket") }
    }

    pub(crate) fn client(&self) -> Client {
        let started = Instant::now();
        loop {
            match Client::connect(&self.socket) {
                Ok(client) => return client,
                Err(error) => assert!(started.elapsed() < PATIENCE, "cannot connect: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    pub(crate) fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        assert!(self.wait().success());
    }

    pub(crate) fn status(&self) -> Status {
        self.client().status()
    }

    /// Waits until the status is as it should be.
    pub(crate) fn until(&self, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        let started = Instant::now();
        loop {
            let status = self.status();
            if is(&status) {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{what}: {status:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "the process does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Client {
    pub(crate) fn connect(path: &Path) -> std::io::Result<Self> {
        let mut client = Self::over(UnixStream::connect(path)?);
        client.send(Request::Hello(Hello::new("0", "test")));
        match client.receive().map(|frame| frame.reply) {
            Some(Reply::Welcome(_)) => Ok(client),
            other => Err(std::io::Error::other(format!("no welcome: {other:?}"))),
        }
    }

    /// A connection on which nothing was said yet.
    pub(crate) fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, frames: FrameBuffer::new(REPLY_SIZE_MAX), next_id: 1 }
    }

    pub(crate) fn socket(&self) -> &UnixStream {
        &self.stream
    }

    pub(crate) fn send(&mut self, request: Request) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut bytes = Vec::new();
        encode(&RequestFrame { id, request }, REQUEST_SIZE_MAX, &mut bytes).unwrap();
        // A daemon that refused and closed shows when reading.
        let _ = self.stream.write_all(&bytes);
        id
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame; `None` at the end.
    pub(crate) fn receive(&mut self) -> Option<ReplyFrame> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(payload) = self.frames.next_payload().unwrap() {
                return Some(decode(payload).unwrap());
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(size) => self.frames.push(&buffer[..size]),
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    pub(crate) fn ask(&mut self, request: Request) -> Reply {
        let id = self.send(request);
        loop {
            let frame = self.receive().expect("the daemon closed the connection");
            if frame.id == id {
                return frame.reply;
            }
        }
    }

    /// Asks for the segments and counts the descriptors that come along.
    pub(crate) fn descriptors(&mut self) -> (Reply, usize) {
        self.send(Request::Segments);
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        let size = recv_with_descriptors(self.stream.as_fd(), &mut buffer, &mut received).unwrap();
        self.frames.push(&buffer[..size]);
        (self.receive().unwrap().reply, received.len())
    }

    pub(crate) fn status(&mut self) -> Status {
        match self.ask(Request::Status) {
            Reply::Status(status) => *status,
            other => panic!("no status: {other:?}"),
        }
    }

    pub(crate) fn roll(&mut self) -> Result<Rolled, Refusal> {
        self.rolled(Request::Roll { until: RollUntil::Announced, timeout_ms: 60_000 })
    }

    pub(crate) fn rolled(&mut self, request: Request) -> Result<Rolled, Refusal> {
        match self.ask(request) {
            Reply::Rolled(rolled) => Ok(rolled),
            Reply::Refused(refusal) => Err(refusal),
            other => panic!("neither rolled nor refused: {other:?}"),
        }
    }

    /// Generation and title of the person with this address.
    pub(crate) fn title(&mut self, address: &str) -> Option<(Generation, String)> {
        match self.ask(Request::Get { address: address.into(), tenant: None }) {
            Reply::People(Answer::Found(generation, people)) => {
                let title = people[0].columns.iter().find(|(header, _)| header == "title").unwrap();
                Some((generation, title.1.clone()))
            }
            Reply::People(Answer::Absent(_)) => None,
            other => panic!("no answer: {other:?}"),
        }
    }
}
