//! memcached over a Unix socket, asked for one address at a time (its text protocol).

use std::io::Write;

use anyhow::{Context, Result, ensure};

use super::server::{Server, number};
use super::{Built, Input};
use crate::peer::Peer;
use crate::record::Answer;

struct Memcached {
    server: Server,
    request: Vec<u8>,
    size: u64,
}

/// Rows sent before their answers are read.
const BATCH: usize = 1000;

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    let socket = input.folder.join("memcached.sock");
    // Room for everything: keys, item headers and slabs add less than the records again.
    let megabytes = (input.rows.size() * 3) / (1 << 20) + 64;
    let mut arguments = ["-u", "root", "-U", "0", "-t", "1", "-m"].map(Into::into).to_vec();
    arguments.extend([megabytes.to_string().into(), "-s".into(), socket.clone().into_os_string()]);
    let Some(mut server) = Server::start("memcached", &arguments, &socket)? else {
        return Ok(Built::Skipped("no memcached on the PATH".to_owned()));
    };
    let mut request = Vec::new();
    let mut sent = 0;
    for (at, row) in input.rows.iter().enumerate() {
        // add: the first row of an address wins.
        write!(request, "add {} 0 0 {}\r\n", row.address, row.record.len())?;
        request.extend_from_slice(row.record);
        request.extend_from_slice(b"\r\n");
        sent += 1;
        if sent == BATCH || at + 1 == input.rows.len() {
            server.send(&request)?;
            for _ in 0..sent {
                let line = server.line()?;
                let is_kept = matches!(line, b"STORED" | b"NOT_STORED");
                ensure!(is_kept, "memcached said {:?}", String::from_utf8_lossy(line));
            }
            request.clear();
            sent = 0;
        }
    }
    let size = server.grown()?;
    Ok(Built::Ready(Box::new(Memcached { server, request, size })))
}

impl Peer for Memcached {
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        self.request.clear();
        write!(self.request, "get {key}\r\n")?;
        self.server.send(&self.request)?;
        let line = self.server.line()?;
        if line == b"END" {
            return Ok(None);
        }
        // VALUE key flags size
        let size = line.rsplit(|&byte| byte == b' ').next().filter(|_| line.starts_with(b"VALUE "));
        let size =
            number(size.with_context(|| format!("memcached said {:?}", String::from_utf8_lossy(line)))?)?;
        let answer = Answer::of_record(self.server.value(size)?)?;
        ensure!(self.server.line()? == b"END", "memcached goes on after a value");
        Ok(Some(answer))
    }

    fn size(&self) -> u64 {
        self.size
    }
}
