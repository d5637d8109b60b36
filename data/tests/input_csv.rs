//! Files in, rows out: what was written comes back, on the line it stood on, and what is no such file is
//! refused with file and line.
#![allow(clippy::unwrap_used, reason = "helpers outside of #[test] functions are tests too")]

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use persondb_data::input::{BatchPool, Digest, InputError, InputLimits, Source, read_header, read_rows};
use proptest::prelude::*;

/// A row as it was read: its line, and its fields.
type Read = (u64, Vec<String>);

fn read(path: &Path, limits: &InputLimits) -> Result<(Vec<String>, Vec<Read>, Digest), InputError> {
    let source = Source::open(path, limits)?;
    let header = read_header(&source, limits)?;
    let pool = BatchPool::new(1);
    let mut passes = Vec::new();
    for _ in 0..2 {
        let mut rows = Vec::new();
        let mut sink = |batch: persondb_data::input::RowBatch| {
            for row in batch.rows() {
                assert_eq!(row.row_number(), rows.len() as u64 + 1);
                assert_eq!((row.file(), row.is_ragged()), (7, row.len() != header.names.len()));
                rows.push((row.line(), row.fields().map(str::to_owned).collect()));
            }
            pool.put_back(batch);
            ControlFlow::Continue(())
        };
        let mut progress = 0;
        let summary = read_rows(&source, 7, limits, &pool, &mut sink, &mut |bytes| {
            assert!(bytes >= progress);
            progress = bytes;
        })?;
        assert_eq!(summary.rows, rows.len() as u64);
        assert_eq!(progress, summary.identity.size);
        passes.push((rows, summary.digest));
    }
    let (second, first) = (passes.pop().unwrap(), passes.pop().unwrap());
    assert_eq!(first, second);
    Ok((header.names, first.0, first.1))
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.csv");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn refused(bytes: &[u8], limits: &InputLimits) -> InputError {
    let (_dir, path) = file(bytes);
    match read(&path, limits) {
        Ok(found) => panic!("expected a refusal, found {} rows", found.1.len()),
        Err(error) => {
            assert!(error.to_string().contains("people.csv"), "{error}");
            error
        }
    }
}

/// Small windows, so that a few thousand rows cross many of them.
fn small() -> InputLimits {
    InputLimits { record_bytes_max: 4000, record_fields_max: 50, ..InputLimits::default() }
}

#[derive(Debug, Clone)]
struct Flavour {
    delimiter: char,
    line_break: &'static str,
    encoding: &'static str,
    compression: &'static str,
    preamble: &'static str,
    quote_all: bool,
    last_line_break: bool,
}

fn flavour() -> impl Strategy<Value = Flavour> {
    (
        prop::sample::select(vec![',', ';', '\t']),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
        prop::sample::select(vec!["utf-8", "utf-8 with mark", "utf-16le", "utf-16be"]),
        prop::sample::select(vec!["", "gzip", "zstd"]),
        prop::sample::select(vec!["", "#TYPE System.Object", "version: 1", "sep="]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(delimiter, line_break, encoding, compression, preamble, quote_all, last_line_break)| Flavour {
                delimiter,
                line_break,
                encoding,
                compression,
                preamble,
                quote_all,
                last_line_break,
            },
        )
}

fn line_breaks(text: &str) -> u64 {
    text.replace("\r\n", "\n").matches(['\r', '\n']).count() as u64
}

impl Flavour {
    /// The file, and what is to be read from it.
    fn write(&self, columns: usize, rows: &[Vec<String>]) -> (Vec<u8>, Vec<Read>) {
        let mut text = String::new();
        if !self.preamble.is_empty() {
            text.push_str(self.preamble);
            if self.preamble == "sep=" {
                text.push(self.delimiter);
            }
            text.push_str(self.line_break);
        }
        let header: Vec<_> = (0..columns).map(|i| format!("column {i}")).collect();
        self.write_record(&mut text, &header);
        let mut expected = Vec::new();
        let mut line = 2 + u64::from(!self.preamble.is_empty());
        for row in rows {
            text.push_str(self.line_break);
            let from = text.len();
            self.write_record(&mut text, row);
            expected.push((line, row.clone()));
            line += 1 + line_breaks(&text[from..]);
        }
        if self.last_line_break {
            text.push_str(self.line_break);
        }
        (self.compress(&self.encode(&text)), expected)
    }

    fn write_record(&self, text: &mut String, fields: &[String]) {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                text.push(self.delimiter);
            }
            if self.quote_all || field.contains(['"', '\r', '\n', self.delimiter]) {
                text.push('"');
                text.push_str(&field.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(field);
            }
        }
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.encoding {
            "utf-8" => text.as_bytes().to_vec(),
            "utf-8 with mark" => format!("\u{feff}{text}").into_bytes(),
            "utf-16le" => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    fn compress(&self, bytes: &[u8]) -> Vec<u8> {
        let (first, second) = bytes.split_at(bytes.len() / 3);
        match self.compression {
            "gzip" => [gzip(first), gzip(second)].concat(),
            "zstd" => [zstd::encode_all(first, 1).unwrap(), zstd::encode_all(second, 1).unwrap()].concat(),
            _ => bytes.to_vec(),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn table() -> impl Strategy<Value = (usize, Vec<Vec<String>>)> {
    let field = prop_oneof![
        "[a-z]{0,12}",
        "[a,;\t\"\r\n é€😀\u{feff}=+-]{0,12}",
        "[^\u{0}]{0,60}",
        Just("\"".to_owned()),
        Just("\r\n".to_owned()),
    ];
    (2usize..7).prop_flat_map(move |columns| {
        let row = prop::collection::vec(field.clone(), columns);
        (Just(columns), prop::collection::vec(row, 0..40))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_was_written_comes_back_in_every_flavour_with_its_lines(
        (columns, rows) in table(),
        flavour in flavour(),
        times in prop::sample::select(vec![1usize, 1, 1, 60]),
    ) {
        let rows: Vec<_> = std::iter::repeat_n(rows, times).flatten().collect();
        let (bytes, expected) = flavour.write(columns, &rows);
        let (_dir, path) = file(&bytes);
        let (names, found, _) = read(&path, &small()).unwrap();
        prop_assert_eq!(names.len(), columns);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_give_rows_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..300), magic in 0..4usize) {
        let magic: &[u8] = [&b""[..], b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\xff\xfe"][magic];
        let (_dir, path) = file(&[magic, &bytes].concat());
        let _ = read(&path, &small());
    }
}

#[test]
fn blank_lines_are_no_rows_but_count_as_lines_wherever_a_window_ends() {
    // Eight widths, so that windows end before, within and after CR LF.
    for width in 1..=8 {
        let mut text = String::from("\r\n\r\na,b\r\n");
        let mut lines = Vec::new();
        for row in 0..30_000 {
            text.push_str(&"x".repeat(width));
            text.push_str(",y\r\n\r\n");
            lines.push(4 + 2 * row);
        }
        let (_dir, path) = file(text.as_bytes());
        let (_, rows, _) = read(&path, &small()).unwrap();
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), lines, "width {width}");
    }
}

#[test]
fn a_stray_quote_does_not_swallow_the_file_and_the_message_names_where_it_starts() {
    let mut text = String::from("email,name\na@b.example,A\nb@b.example,\"B\n");
    for _ in 0..1000 {
        text.push_str("c@b.example,C\n");
    }
    match refused(text.as_bytes(), &small()) {
        InputError::RecordTooLong { line: 3, limit: 4000, column, .. } => {
            assert_eq!(column, "column 2 (\"name\")");
        }
        other => panic!("{other}"),
    }
    match refused(b"email,name\na@b.example,A\nb@b.example,\"B\nc@b.example,C\n", &small()) {
        InputError::UnclosedQuote { line: 3, column, .. } => assert_eq!(column, "column 2 (\"name\")"),
        other => panic!("{other}"),
    }
}

#[test]
fn records_at_the_limits_are_read_and_longer_ones_refused_with_their_line() {
    let (_dir, path) = file(format!("a\nx\n{}\n", "y".repeat(4000)).as_bytes());
    assert_eq!(read(&path, &small()).unwrap().1[1].1[0].len(), 4000);
    let over = refused(format!("a\nx\n{}\nz\n", "y".repeat(4001)).as_bytes(), &small());
    assert!(matches!(over, InputError::RecordTooLong { line: 3, .. }), "{over}");
    let endless = refused(format!("a\nx\n{}", "y".repeat(400_000)).as_bytes(), &small());
    assert!(matches!(endless, InputError::RecordTooLong { line: 3, .. }), "{endless}");
    let header = refused("y".repeat(400_000).as_bytes(), &small());
    assert!(matches!(header, InputError::RecordTooLong { line: 1, .. }), "{header}");
    let fields = refused(format!("a\nx\n{}\n", ",".repeat(50)).as_bytes(), &small());
    assert!(matches!(fields, InputError::TooManyFields { line: 3, limit: 50, .. }), "{fields}");
    let (_dir, path) = file(format!("a\nx\n{}\n", ",".repeat(49)).as_bytes());
    assert_eq!(read(&path, &small()).unwrap().1[1].1.len(), 50);
}

#[test]
fn text_that_is_none_is_refused_with_its_line() {
    let nul = refused(b"a,b\nx,y\nx,\0\n", &small());
    assert!(matches!(nul, InputError::NulByte { line: 3, offset: 10, .. }), "{nul}");
    let latin = refused(b"a,b\nx,y\nx,J\xf6rg\n", &small());
    assert!(matches!(latin, InputError::Undecodable { line: 3, offset: 11, .. }), "{latin}");
    let cut = refused(b"a,b\nx,y\nx,\xc3", &small());
    assert!(matches!(cut, InputError::Undecodable { line: 3, offset: 10, .. }), "{cut}");
    let far = [b"a,b\n".to_vec(), b"x,y\n".repeat(50_000), b"\xff\n".to_vec()].concat();
    let far = refused(&far, &small());
    assert!(matches!(far, InputError::Undecodable { line: 50_002, offset: 200_004, .. }), "{far}");
    // A lone surrogate, an odd byte, and UTF-16 that does not say so.
    let lone = refused(b"\xff\xfea\0\n\0x\0\n\0\x00\xd8y\0", &small());
    assert!(matches!(lone, InputError::Undecodable { line: 3, encoding: "UTF-16LE", .. }), "{lone}");
    assert!(matches!(refused(b"\xff\xfea\0\n\0x", &small()), InputError::Undecodable { .. }));
    assert!(matches!(refused(b"a\0,\0b\0\n\0", &small()), InputError::NulByte { line: 1, .. }));
}

#[test]
fn an_empty_file_and_a_useless_separator_are_refused_and_a_header_alone_is_read() {
    for empty in [&b""[..], b"\n\r\n", b"\xef\xbb\xbf", b"sep=;\n", b"#TYPE x"] {
        assert!(matches!(refused(empty, &small()), InputError::NoHeader { .. }), "{empty:?}");
    }
    let separator = refused(b"\nsep=ab\na\n", &small());
    assert!(matches!(separator, InputError::Separator { line: 2, .. }), "{separator}");
    let (_dir, path) = file(b"email");
    assert_eq!(read(&path, &small()).unwrap().0, ["email"]);
}

#[test]
fn damaged_cut_and_exploding_compressed_files_are_refused() {
    let text = "email,name\n".repeat(1000);
    let packed = gzip(text.as_bytes());
    let cut = refused(&packed[..packed.len() - 9], &small());
    assert!(matches!(cut, InputError::Decompress { format: "gzip", .. }), "{cut}");
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let cut = refused(&packed[..packed.len() - 1], &small());
    assert!(matches!(cut, InputError::Decompress { format: "zstd", .. }), "{cut}");
    let capped = InputLimits { decompressed_bytes_max: text.len() as u64 - 1, ..small() };
    for packed in [gzip(text.as_bytes()), packed, text.clone().into_bytes()] {
        let bomb = refused(&packed, &capped);
        assert!(matches!(bomb, InputError::TooLarge { .. }), "{bomb}");
        let enough = InputLimits { decompressed_bytes_max: text.len() as u64, ..small() };
        let (_dir, path) = file(&packed);
        assert_eq!(read(&path, &enough).unwrap().1.len(), 999);
    }
}

#[test]
fn a_file_written_to_while_it_is_read_is_refused() {
    let (_dir, path) = file(&b"a,b\n".repeat(100_000));
    let source = Source::open(&path, &small()).unwrap();
    let mut grown = false;
    let mut sink = |_batch| {
        if !grown {
            std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"x,y\n").unwrap();
            grown = true;
        }
        ControlFlow::Continue(())
    };
    let error = read_rows(&source, 0, &small(), &BatchPool::default(), &mut sink, &mut |_| {}).unwrap_err();
    assert!(matches!(error, InputError::Changed { .. }), "{error}");
}

#[test]
fn reading_stops_when_the_receiver_says_so() {
    let (_dir, path) = file(&b"a,b\n".repeat(100_000));
    let source = Source::open(&path, &small()).unwrap();
    let mut batches = 0;
    let mut sink = |_batch| {
        batches += 1;
        ControlFlow::Break(())
    };
    let stopped = read_rows(&source, 0, &small(), &BatchPool::default(), &mut sink, &mut |_| {});
    assert!(matches!(stopped, Err(InputError::Stopped { .. })));
    assert_eq!(batches, 1);
}

#[test]
fn the_digest_is_of_the_stored_bytes_and_the_same_for_a_pass_and_without_one() {
    let packed = gzip(b"email,name\na@b.example,A\n");
    let (_dir, path) = file(&packed);
    let digest = read(&path, &small()).unwrap().2;
    assert_eq!(digest.0, xxhash_rust::xxh3::xxh3_128(&packed));
    assert_eq!(Source::open(&path, &small()).unwrap().digest().unwrap(), digest);
}
