//! What the tests share: a dataset of their own, and other users.
#![allow(dead_code)] // each test program uses a part of it

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use persondb_protocol::{DatasetName, Generation, ShmName};
use persondb_shm::{
    PublishedSegment, SegmentMode, SegmentWriter, StagedSegment, list, new_staging_name, unlink,
};

/// The user whom nobody trusts.
pub const NOBODY: u32 = 65534;
/// Set in a test that runs itself again as somebody else or somewhere else: the name it works on.
pub const INNER: &str = "PERSONDB_TEST_INNER";

/// A dataset under a name of its own; all its objects go when it is dropped.
pub struct TestDataset(pub DatasetName);

impl TestDataset {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(DatasetName::new(&format!("test-{}-{n}", std::process::id())).unwrap())
    }

    pub fn staging(&self) -> ShmName {
        new_staging_name(&self.0)
    }

    pub fn segment(&self, generation: u64) -> ShmName {
        self.0.segment(Generation(generation), 0)
    }

    /// A frozen segment with these bytes, under a staging name.
    pub fn frozen(&self, bytes: &[u8], mode: SegmentMode) -> ShmName {
        let staging = self.staging();
        let mut writer = SegmentWriter::create(&staging, bytes.len() as u64).unwrap();
        writer.bytes_mut().copy_from_slice(bytes);
        writer.freeze(mode, None).unwrap();
        staging
    }

    pub fn published(&self, generation: u64, bytes: &[u8], mode: SegmentMode) -> PublishedSegment {
        let staged = StagedSegment::open(&self.frozen(bytes, mode)).unwrap();
        staged.publish(&self.segment(generation)).unwrap()
    }
}

impl Drop for TestDataset {
    fn drop(&mut self) {
        for listed in list(&self.0).unwrap() {
            let _ = unlink(&listed.name);
        }
    }
}

pub fn path(name: &ShmName) -> PathBuf {
    PathBuf::from("/dev/shm").join(name.file_name())
}

pub fn exists(name: &ShmName) -> bool {
    path(name).symlink_metadata().is_ok()
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

pub fn inner() -> Option<DatasetName> {
    std::env::var(INNER).ok().map(|name| DatasetName::new(&name).unwrap())
}

/// Runs one test of this program again as nobody; `None` (and a line that says so) where that cannot be.
pub fn as_nobody(test: &str, dataset: &TestDataset) -> Option<Output> {
    if !is_root() {
        eprintln!("skipped {test}: only root can become another user");
        return None;
    }
    // In a folder that nobody can enter, whatever the build folder is.
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let uid = NOBODY.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups"]).arg(&program);
    again(command, test, dataset)
}

/// Runs one test of this program again with a small `/dev/shm` of its own.
pub fn with_small_shm(test: &str, dataset: &TestDataset, size: &str) -> Option<Output> {
    if !is_root() {
        eprintln!("skipped {test}: only root can mount");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg(format!("mount -t tmpfs -o size={size} tmpfs /dev/shm || exit 77; exec \"$0\" \"$@\""));
    command.arg(std::env::current_exe().unwrap());
    again(command, test, dataset)
}

fn again(mut command: Command, test: &str, dataset: &TestDataset) -> Option<Output> {
    command.args(["--exact", test, "--nocapture"]).env(INNER, dataset.0.as_str());
    match command.output() {
        Ok(output) if output.status.code() == Some(77) => {
            eprintln!("skipped {test}: no mount here");
            None
        }
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped {test}: {}: {error}", command.get_program().display());
            None
        }
    }
}

/// The test that ran again passed.
pub fn passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{errors}");
}
