//! Redis over a Unix socket: a string for each address, asked for one at a time (RESP2).

use std::io::Write;

use anyhow::{Result, bail, ensure};

use super::server::{Server, number};
use super::{Built, Input};
use crate::peer::Peer;
use crate::record::Answer;

struct Redis {
    server: Server,
    request: Vec<u8>,
    size: u64,
}

/// Rows sent before their answers are read.
const BATCH: usize = 1000;

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    let socket = input.folder.join("redis.sock");
    let arguments = ["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"];
    let mut arguments = arguments.map(Into::into).to_vec();
    arguments.push(socket.clone().into_os_string());
    arguments.extend(["--dir".into(), input.folder.into()]);
    let Some(mut server) = Server::start("redis-server", &arguments, &socket)? else {
        return Ok(Built::Skipped("no redis-server on the PATH".to_owned()));
    };
    let mut request = Vec::new();
    let mut sent = 0;
    for (at, row) in input.rows.iter().enumerate() {
        // NX: the first row of an address wins.
        command(&mut request, &[b"SET", row.address.as_bytes(), row.record, b"NX"])?;
        sent += 1;
        if sent == BATCH || at + 1 == input.rows.len() {
            server.send(&request)?;
            for _ in 0..sent {
                let line = server.line()?;
                ensure!(matches!(line, b"+OK" | b"$-1"), "Redis said {:?}", String::from_utf8_lossy(line));
            }
            request.clear();
            sent = 0;
        }
    }
    let size = server.grown()?;
    Ok(Built::Ready(Box::new(Redis { server, request, size })))
}

impl Peer for Redis {
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        self.request.clear();
        command(&mut self.request, &[b"GET", key.as_bytes()])?;
        self.server.send(&self.request)?;
        let size = match self.server.line()? {
            b"$-1" => return Ok(None),
            [b'$', digits @ ..] => number(digits)?,
            other => bail!("Redis said {:?}", String::from_utf8_lossy(other)),
        };
        Answer::of_record(self.server.value(size)?).map(Some)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Appends a command: an array of bulk strings.
fn command(out: &mut Vec<u8>, words: &[&[u8]]) -> Result<()> {
    write!(out, "*{}\r\n", words.len())?;
    for word in words {
        write!(out, "${}\r\n", word.len())?;
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}
