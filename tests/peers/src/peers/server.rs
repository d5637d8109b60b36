//! A server of our own on a Unix socket, for as long as it is measured.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::machine::resident_memory;

/// A running server and the one connection to it. It ends when this is dropped.
pub(super) struct Server {
    child: Running,
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
    value: Vec<u8>,
    size_before: u64,
}

/// Largest value that is believed.
const VALUE_SIZE_MAX: usize = 64 << 20;
/// Longest wait for a server to listen, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

impl Server {
    /// Starts a program that will listen on `socket`; `None` when it is not installed.
    ///
    /// # Errors
    /// When it ends, or does not listen in time.
    pub(super) fn start(program: &str, arguments: &[OsString], socket: &Path) -> Result<Option<Self>> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = match command.spawn() {
            Ok(child) => Running(child),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{program} cannot be started")),
        };
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if start.elapsed() > PATIENCE => {
                    return Err(error).with_context(|| format!("{program} does not listen"));
                }
                Err(_) => sleep(Duration::from_millis(20)),
            }
            if let Some(status) = child.0.try_wait()? {
                bail!("{program} ended at once: {status}");
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let size_before = resident_memory(child.0.id())?;
        let stream = BufReader::with_capacity(64 << 10, stream);
        Ok(Some(Self { child, stream, line: Vec::new(), value: Vec::new(), size_before }))
    }

    /// Sends bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// The next line of the answer, without its end.
    pub(super) fn line(&mut self) -> Result<&[u8]> {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line)?;
        self.line.strip_suffix(b"\r\n").context("the server closed the connection")
    }

    /// The next `size` bytes of the answer and the end of line after them.
    pub(super) fn value(&mut self, size: usize) -> Result<&[u8]> {
        ensure!(size <= VALUE_SIZE_MAX, "the server announces a value of {size} bytes");
        self.value.resize(size + 2, 0);
        self.stream.read_exact(&mut self.value)?;
        self.value.strip_suffix(b"\r\n").context("a value that does not end where it should")
    }

    /// Bytes of memory that it took since it started.
    pub(super) fn grown(&self) -> Result<u64> {
        Ok(resident_memory(self.child.0.id())?.saturating_sub(self.size_before))
    }
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A number in decimal digits.
pub(super) fn number(digits: &[u8]) -> Result<usize> {
    let text = std::str::from_utf8(digits)?;
    text.parse().with_context(|| format!("expected a number, found {text:?}"))
}
