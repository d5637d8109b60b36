//! One input file, opened once and read as often as the build needs it.
//!
//! The descriptor is kept from the first look to the last pass, so that all passes read the same file even
//! when a newer export is renamed over its name meanwhile (that is the good way to publish an export). What
//! does get noticed is a file written to in place: size and time are compared after every pass, and the
//! digest of a second pass with that of the first, which also catches a writer that puts the time back.
//!
//! Trade-off: standard input is copied to an unnamed temporary file, because two passes need it twice.

use std::fmt;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::Xxh3;

use super::expand::STANDARD_INPUT;
use super::{InputError, InputLimits};

/// Bytes asked from the system at a time.
const READ_SIZE: usize = 128 << 10;

/// An opened input file.
///
/// ```
/// # use persondb_data::input::{InputLimits, Source};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("people.csv");
/// std::fs::write(&path, "email\na@example.com\n")?;
/// let source = Source::open(&path, &InputLimits::default())?;
/// assert_eq!(source.identity().size, 20);
/// assert_eq!(source.digest()?.to_string().len(), 32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    identity: Identity,
    digest: OnceLock<Digest>,
}

impl Source {
    /// Opens a regular file, following symbolic links, or copies standard input for the path `-`.
    ///
    /// # Errors
    /// The file cannot be opened, is a device, pipe, socket or folder; or standard input cannot be copied or
    /// is larger than `limits.decompressed_bytes_max`.
    pub fn open(path: &Path, limits: &InputLimits) -> Result<Self, InputError> {
        if path.as_os_str() == STANDARD_INPUT {
            return Self::spool(path, &mut io::stdin().lock(), limits);
        }
        let error = |source| InputError::Open { path: path.to_owned(), source };
        // Looked at before it is opened: opening a pipe would wait for a writer, opening a device can act on it.
        regular(path, &fs::metadata(path).map_err(error)?)?;
        let file = File::open(path).map_err(error)?;
        let metadata = file.metadata().map_err(error)?;
        regular(path, &metadata)?;
        Ok(Self::new(path, file, &metadata))
    }

    fn new(path: &Path, file: File, metadata: &Metadata) -> Self {
        let identity = Identity::new(path, metadata);
        Self { path: path.to_owned(), file, identity, digest: OnceLock::new() }
    }

    fn spool(path: &Path, from: &mut dyn Read, limits: &InputLimits) -> Result<Self, InputError> {
        let error = |source| InputError::Write {
            path: std::env::temp_dir(),
            what: "the temporary copy of standard input",
            source,
        };
        let mut file = tempfile::tempfile().map_err(error)?;
        let limit = limits.decompressed_bytes_max;
        let mut buffer = vec![0; READ_SIZE];
        let mut size = 0u64;
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(InputError::Read { path: path.to_owned(), offset: size, source }),
            };
            size += count as u64;
            if size > limit {
                return Err(InputError::TooLarge { path: path.to_owned(), limit });
            }
            file.write_all(&buffer[..count]).map_err(error)?;
        }
        let metadata = file.metadata().map_err(error)?;
        Ok(Self::new(path, file, &metadata))
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which file this is, as it was when opened.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Digest of the file's bytes as stored; reads the whole file unless a pass has done so already.
    ///
    /// # Errors
    /// Reading fails, or the file was changed since it was opened.
    pub fn digest(&self) -> Result<Digest, InputError> {
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let mut bytes = self.bytes();
        bytes.drain().map_err(|e| self.read_error(bytes.offset, e))?;
        self.finish(&bytes)
    }

    /// Starts a pass over the bytes as stored.
    pub(super) fn bytes(&self) -> SourceBytes<'_> {
        SourceBytes {
            file: &self.file,
            buffer: vec![0; READ_SIZE],
            next: 0,
            end: 0,
            offset: 0,
            hash: Xxh3::new(),
        }
    }

    /// Ends a pass that has read everything: the file has to be what it was when it was opened.
    pub(super) fn finish(&self, bytes: &SourceBytes<'_>) -> Result<Digest, InputError> {
        let changed = |what| Err(InputError::Changed { path: self.path.clone(), what });
        let metadata = self.file.metadata().map_err(|e| self.read_error(bytes.offset, e))?;
        let now = Identity::new(&self.path, &metadata);
        if now.size != self.identity.size || bytes.offset != self.identity.size {
            return changed("size");
        }
        if now != self.identity {
            return changed("modification time");
        }
        let digest = Digest(bytes.hash.digest128());
        if *self.digest.get_or_init(|| digest) != digest {
            return changed("content");
        }
        Ok(digest)
    }

    pub(super) fn read_error(&self, offset: u64, source: io::Error) -> InputError {
        InputError::Read { path: self.path.clone(), offset, source }
    }
}

/// Which file an input was. A generation whose inputs all still have the same identity is adopted without
/// reading them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The path as it was given.
    pub path: PathBuf,
    /// Number of the device that holds the file.
    pub device: u64,
    /// Number of the file on that device.
    pub inode: u64,
    /// Size in bytes as stored.
    pub size: u64,
    /// Time of the last change of the contents, nanoseconds since 1970 (negative before).
    pub mtime_ns: i64,
}

impl Identity {
    /// Looks a path up without opening it, following symbolic links.
    ///
    /// # Errors
    /// There is nothing at that path, or it may not be looked at.
    pub fn of(path: &Path) -> Result<Self, InputError> {
        let metadata =
            fs::metadata(path).map_err(|source| InputError::Open { path: path.to_owned(), source })?;
        Ok(Self::new(path, &metadata))
    }

    fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            mtime_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }
    }
}

/// XXH3-128 (seed 0) of a file's bytes as stored. Finds change, not malice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let value = u128::from_str_radix(&text, 16).ok().filter(|_| hex);
        value.map(Digest).ok_or_else(|| D::Error::custom(format!("expected 32 hex digits, found {text:?}")))
    }
}

/// The stored bytes of one pass, hashed as they go by. Has an offset of its own, so that passes over one
/// descriptor do not disturb each other.
pub(super) struct SourceBytes<'s> {
    file: &'s File,
    buffer: Vec<u8>,
    next: usize,
    end: usize,
    /// Bytes taken from the file so far.
    pub(super) offset: u64,
    hash: Xxh3,
}

impl SourceBytes<'_> {
    /// The first bytes of the file, fewer than four only where the file is that short.
    pub(super) fn magic(&mut self) -> io::Result<&[u8]> {
        while self.end < 4 {
            let count = self.read_more()?;
            if count == 0 {
                break;
            }
        }
        Ok(&self.buffer[self.next..self.end])
    }

    /// Reads to the end of the file; the digest is of all bytes, also of those a decompressor did not want.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        loop {
            (self.next, self.end) = (0, 0);
            if self.read_more()? == 0 {
                return Ok(());
            }
        }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        loop {
            match self.file.read_at(&mut self.buffer[self.end..], self.offset) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(count) => {
                    self.hash.update(&self.buffer[self.end..self.end + count]);
                    self.end += count;
                    self.offset += count as u64;
                    return Ok(count);
                }
            }
        }
    }
}

impl BufRead for SourceBytes<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.next == self.end {
            (self.next, self.end) = (0, 0);
            self.read_more()?;
        }
        Ok(&self.buffer[self.next..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.next = (self.next + amount).min(self.end);
    }
}

impl Read for SourceBytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.next == self.end && into.len() >= self.buffer.len() {
            // Where all that is read at once has room, straight there.
            let room = self.buffer.len();
            let count = self.file.read_at(&mut into[..room], self.offset)?;
            self.hash.update(&into[..count]);
            self.offset += count as u64;
            return Ok(count);
        }
        let available = self.fill_buf()?;
        let count = available.len().min(into.len());
        into[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

fn regular(path: &Path, metadata: &Metadata) -> Result<(), InputError> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(InputError::NotAFile { path: path.to_owned(), found: kind_name(kind) })
}

fn kind_name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> InputLimits {
        InputLimits::default()
    }

    #[test]
    fn devices_folders_and_missing_files_are_refused_and_links_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.csv");
        fs::write(&file, "email\n").unwrap();
        let link = dir.path().join("link.csv");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(Source::open(&link, &limits()).unwrap().identity().size, 6);
        for odd in [Path::new("/dev/null"), Path::new("/dev/zero"), dir.path()] {
            assert!(matches!(Source::open(odd, &limits()), Err(InputError::NotAFile { .. })), "{odd:?}");
        }
        let gone = Source::open(&dir.path().join("gone.csv"), &limits()).unwrap_err();
        assert!(gone.to_string().contains("gone.csv"), "{gone}");
    }

    #[test]
    fn a_socket_is_refused_without_waiting_for_its_other_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("people.csv");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = Source::open(&path, &limits()).unwrap_err();
        assert!(matches!(error, InputError::NotAFile { found: "a socket", .. }), "{error}");
    }

    #[test]
    fn a_change_in_place_is_noticed_and_a_rename_over_the_name_is_not_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "email\na@b.example\n").unwrap();
        let source = Source::open(&path, &limits()).unwrap();
        let digest = source.digest().unwrap();

        let next = dir.path().join("next.csv");
        fs::write(&next, "email\nsomebody@else.example\n").unwrap();
        fs::rename(&next, &path).unwrap();
        let mut bytes = source.bytes();
        bytes.drain().unwrap();
        assert_eq!(source.finish(&bytes).unwrap(), digest);

        let source = Source::open(&path, &limits()).unwrap();
        fs::write(&path, "email\n").unwrap();
        assert!(matches!(source.digest(), Err(InputError::Changed { what: "size", .. })));
    }

    #[test]
    fn a_second_pass_over_other_bytes_is_noticed_even_with_the_old_time_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "email\na@b.example\n").unwrap();
        let source = Source::open(&path, &limits()).unwrap();
        source.digest().unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "email\nb@b.example\n").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        let mut bytes = source.bytes();
        bytes.drain().unwrap();
        assert!(matches!(source.finish(&bytes), Err(InputError::Changed { what: "content", .. })));
    }

    #[test]
    fn standard_input_is_kept_for_a_second_pass_and_capped() {
        let mut from: &[u8] = b"email\na@b.example\n";
        let source = Source::spool(Path::new("-"), &mut from, &limits()).unwrap();
        for _ in 0..2 {
            let mut text = String::new();
            source.bytes().read_to_string(&mut text).unwrap();
            assert_eq!(text, "email\na@b.example\n");
        }
        let small = InputLimits { decompressed_bytes_max: 4, ..limits() };
        let refused = Source::spool(Path::new("-"), &mut &b"12345"[..], &small);
        assert!(matches!(refused, Err(InputError::TooLarge { .. })));
        assert!(Source::spool(Path::new("-"), &mut &b"1234"[..], &small).is_ok());
    }

    #[test]
    fn a_digest_is_32_hex_digits_in_json_and_nothing_else_is_read_as_one() {
        let digest = Digest(0xab);
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{:0>32}\"", "ab"));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"ab\"").is_err());
        assert!(serde_json::from_str::<Digest>(&format!("\"+{:0>31}\"", "ab")).is_err());
    }
}
