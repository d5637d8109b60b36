//! Which keys a test asks for: a fair sample of the addresses there are, and addresses that look like
//! them but belong to nobody.
//!
//! Memory is bounded whatever the size of the data: at most [`KEYS_MAX`] addresses and
//! [`COMPARED_MAX`] records are kept (uniform samples), and 8 bytes for each address there is, by which
//! a misspelt address is known to be nobody's.

use std::collections::HashSet;
use std::fs::File;
use std::io;

use persondb_data::normalize::{KeyBuffer, address_key};

use super::keys::{Expected, KeyWriter};

/// Most addresses in the sample, of each kind (somebody's, nobody's).
const KEYS_MAX: usize = 1 << 20;
/// Most people whose records are compared.
const COMPARED_MAX: usize = 1 << 15;
/// Attempts to find an address that is nobody's near one that is somebody's.
const MISSPELLINGS_MAX: usize = 8;

/// The keys of a test, while they are collected.
#[derive(Debug)]
pub(crate) struct KeyBook {
    random: Random,
    addresses: Sample<Box<str>>,
    compared: Sample<Compared>,
    /// Hashes of all addresses, one set a side.
    known: Vec<HashSet<u64>>,
}

/// One person whose record is compared.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    /// Hash of tenant and identifier.
    pub(crate) person: u64,
    /// One of the person's addresses.
    pub(crate) address: Box<str>,
    /// What each side says, in the order of its columns.
    pub(crate) records: Vec<Vec<String>>,
}

impl KeyBook {
    /// No keys yet; the same `seed` and the same data give the same keys.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            addresses: Sample::new(KEYS_MAX),
            compared: Sample::new(COMPARED_MAX),
            known: Vec::new(),
        }
    }

    /// Begins with the next data set.
    pub(crate) fn begin_side(&mut self) {
        self.known.push(HashSet::new());
    }

    /// One address of the current side; those of the first are what is asked for.
    pub(crate) fn address(&mut self, address: &str) {
        let Some(hash) = identity(address) else { return };
        if let Some(side) = self.known.last_mut() {
            side.insert(hash);
        }
        if self.known.len() == 1 {
            self.addresses.offer(&mut self.random, || address.into());
        }
    }

    /// One person of the first side, as a candidate for comparing.
    pub(crate) fn person(&mut self, compared: impl FnOnce() -> Compared) {
        self.compared.offer(&mut self.random, compared);
    }

    /// Those that are to be compared, for adding the records of further sides.
    pub(crate) fn compared_mut(&mut self) -> &mut Vec<Compared> {
        &mut self.compared.kept
    }

    /// Writes the keys in random order into `file`, a share of `hits` of them somebody's. `is_nobody` is
    /// asked about the others besides the book's own knowledge. Gives the number of blocks, 0 when there is
    /// no key.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(
        mut self,
        file: File,
        hits: f64,
        is_nobody: &mut dyn FnMut(&str) -> bool,
    ) -> io::Result<u64> {
        let sides = self.known.len();
        let (addresses, compared) = (std::mem::take(&mut self.addresses.kept), &self.compared.kept);
        let in_all = |a: &str| identity(a).is_some_and(|hash| self.known.iter().all(|k| k.contains(&hash)));
        let addresses: Vec<Box<str>> = addresses.into_iter().filter(|a| in_all(a)).collect();
        let compared: Vec<&Compared> =
            compared.iter().filter(|c| c.records.len() == sides && in_all(&c.address)).collect();

        let (found, absent) = shares(addresses.len() + compared.len(), hits);
        let mut order: Vec<Option<usize>> = (0..addresses.len() + compared.len()).map(Some).collect();
        self.random.shuffle(&mut order);
        order.truncate(found);
        order.extend(std::iter::repeat_n(None, if addresses.is_empty() { 0 } else { absent }));
        self.random.shuffle(&mut order);

        let mut writer = KeyWriter::new(file);
        for choice in order {
            match choice {
                Some(i) if i < addresses.len() => writer.push(Expected::Found, &addresses[i], &[])?,
                Some(i) => {
                    let person = compared[i - addresses.len()];
                    writer.push(Expected::Found, &person.address, &person.records)?;
                }
                None => {
                    let near = nobody_near(&addresses, &self.known, &mut self.random);
                    if let Some(nobody) = near.filter(|address| is_nobody(address)) {
                        writer.push(Expected::Absent, &nobody, &[])?;
                    }
                }
            }
        }
        writer.finish()
    }
}

/// How many keys of each kind make the share wanted out of `known` addresses.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares of at most 2^21 keys"
)]
fn shares(known: usize, hits: f64) -> (usize, usize) {
    if hits <= 0.0 {
        return (0, known.min(KEYS_MAX));
    }
    let absent = known as f64 * (1.0 - hits) / hits;
    let shrink = (KEYS_MAX as f64 / absent.max(1.0)).min(1.0);
    (((known as f64 * shrink) as usize).max(known.min(1)), (absent * shrink) as usize)
}

fn nobody_near(addresses: &[Box<str>], known: &[HashSet<u64>], random: &mut Random) -> Option<String> {
    (0..MISSPELLINGS_MAX).find_map(|_| {
        let near = misspelt(&addresses[random.below(addresses.len())], random)?;
        let hash = identity(&near)?;
        known.iter().all(|side| !side.contains(&hash)).then_some(near)
    })
}

/// The address with one slip of the finger in its local part; `None` where there is no letter to slip on.
fn misspelt(address: &str, random: &mut Random) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let letters: Vec<usize> =
        local.bytes().enumerate().filter(|(_, b)| b.is_ascii_alphabetic()).map(|(i, _)| i).collect();
    let &at = letters.get(random.below(letters.len().max(1)))?;
    let (head, tail) = (&local[..at], &local[at + 1..]);
    let letter = &local[at..=at];
    let other = char::from(b"abcdefghijklmnopqrstuvwxyz"[random.below(26)]);
    Some(match random.below(4) {
        0 => format!("{head}{other}{tail}@{domain}"),
        1 => format!("{head}{letter}{letter}{tail}@{domain}"),
        2 => format!("{head}{letter}{other}{tail}@{domain}"),
        _ if local.len() > 2 => format!("{head}{tail}@{domain}"),
        _ => format!("{local}{other}@{domain}"),
    })
}

/// A hash by which addresses that the look-up could take for each other are the same: the key of the
/// address, without sub-address and without dots. `None` for what is no address.
fn identity(address: &str) -> Option<u64> {
    let mut buffer = KeyBuffer::new();
    let key = address_key(address, &mut buffer)?;
    let local = key.local();
    let plain = local.iter().position(|&b| b == b'+').filter(|&at| at > 0).map_or(local, |at| &local[..at]);
    let mut hash = Hasher::new();
    for &byte in plain.iter().filter(|&&b| b != b'.') {
        hash.byte(byte);
    }
    hash.byte(b'@');
    for &byte in key.domain() {
        hash.byte(byte);
    }
    Some(hash.finish())
}

/// Hash of a person's tenant and identifier.
pub(crate) fn person_hash(tenant: &str, person_id: &str) -> u64 {
    let mut hash = Hasher::new();
    for &byte in tenant.as_bytes().iter().chain(&[0xff]).chain(person_id.as_bytes()) {
        hash.byte(byte);
    }
    hash.finish()
}

/// FNV-1a with a final mix: for sets in one process, fed byte by byte.
#[derive(Debug)]
struct Hasher(u64);

impl Hasher {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn finish(self) -> u64 {
        Random(self.0).next()
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): enough for samples, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit` (0 for a limit of 0).
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.next()) * (limit as u128);
        usize::try_from(wide >> 64).expect("the high half of a product is below the factor")
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// A uniform sample of whatever is offered (algorithm R, Vitter 1985).
#[derive(Debug)]
pub(crate) struct Sample<T> {
    /// What was chosen so far.
    pub(crate) kept: Vec<T>,
    size_max: usize,
    offered: usize,
}

impl<T> Sample<T> {
    /// At most `size_max` of them.
    pub(crate) fn new(size_max: usize) -> Self {
        Self { kept: Vec::new(), size_max, offered: 0 }
    }

    /// One more, of which the sample may become.
    pub(crate) fn offer(&mut self, random: &mut Random, item: impl FnOnce() -> T) {
        self.offered += 1;
        if self.kept.len() < self.size_max {
            self.kept.push(item());
            return;
        }
        let place = random.below(self.offered);
        if place < self.size_max {
            self.kept[place] = item();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::keys::KeyReader;

    fn keys(book: KeyBook, hits: f64) -> Vec<(bool, String, usize)> {
        let file = tempfile::tempfile().unwrap();
        let blocks = book.write(file.try_clone().unwrap(), hits, &mut |_| true).unwrap();
        if blocks == 0 {
            return Vec::new();
        }
        let mut reader = KeyReader::new(file, blocks, 0).unwrap();
        let mut keys = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let key = reader.next_key().unwrap();
            let id = (key.expected == Expected::Found, key.address.to_owned(), key.records().count());
            if !seen.insert(id.clone()) && keys.first() == Some(&id) {
                return keys;
            }
            keys.push(id);
        }
    }

    fn address(i: usize) -> String {
        format!("first.last{i}@tenant{}.example", i % 7)
    }

    fn book(people: usize) -> KeyBook {
        let mut book = KeyBook::new(1);
        book.begin_side();
        for i in 0..people {
            book.address(&address(i));
        }
        book
    }

    #[test]
    fn the_share_of_hits_is_kept_and_misses_are_nobodys() {
        for (hits, found, absent) in [(0.5, 2000, 2000), (1.0, 2000, 0), (0.0, 0, 2000), (0.8, 2000, 500)] {
            let keys = keys(book(2000), hits);
            let known: HashSet<String> = (0..2000).map(address).collect();
            assert!(keys.iter().all(|(is_hit, a, _)| *is_hit == known.contains(a)), "{hits}");
            let hit = keys.iter().filter(|k| k.0).count();
            assert_eq!(hit, found, "{hits}");
            assert!((keys.len() - hit).abs_diff(absent) <= absent / 50, "{hits}: {}", keys.len() - hit);
        }
    }

    #[test]
    fn misses_stay_in_the_domains_that_exist() {
        for (_, address, _) in keys(book(500), 0.0) {
            let (local, domain) = address.rsplit_once('@').unwrap();
            assert!(local.starts_with('f') || !local.is_empty());
            assert!(domain.starts_with("tenant") && domain.ends_with(".example"), "{domain}");
        }
    }

    #[test]
    fn with_two_sides_only_what_both_have_is_asked_for() {
        let mut book = KeyBook::new(1);
        book.begin_side();
        for i in 0..4 {
            book.address(&address(i));
            book.person(|| Compared {
                person: person_hash("t", &i.to_string()),
                address: address(i).into(),
                records: vec![vec![i.to_string()]],
            });
        }
        book.begin_side();
        for i in 2..6 {
            book.address(&address(i));
        }
        for compared in book.compared_mut() {
            if compared.person == person_hash("t", "3") {
                compared.records.push(vec!["new".into()]);
            }
        }
        let mut found = keys(book, 1.0);
        found.sort();
        assert_eq!(found, [(true, address(2), 0), (true, address(3), 0), (true, address(3), 2)]);
    }

    #[test]
    fn spellings_of_one_address_are_one_and_others_are_not() {
        let same = ["Jane.Doe+news@Corp.example", "janedoe@corp.example", "<jane.doe@CORP.example.>"];
        for spelling in same {
            assert_eq!(identity(spelling), identity(same[0]), "{spelling}");
        }
        assert_ne!(identity("janedoe@corp.example"), identity("janedo@ecorp.example"));
        assert_eq!(identity("no address"), None);
    }

    #[test]
    fn a_sample_is_fair_and_never_larger_than_allowed() {
        let mut random = Random(7);
        let mut hits = [0_u32; 100];
        for _ in 0..2000 {
            let mut sample = Sample::new(10);
            for i in 0..100 {
                sample.offer(&mut random, || i);
            }
            assert_eq!(sample.kept.len(), 10);
            for i in sample.kept {
                hits[i] += 1;
            }
        }
        assert!(hits.iter().all(|&n| (140..=260).contains(&n)), "{hits:?}");
    }

    #[test]
    fn the_share_survives_a_data_set_larger_than_the_sample() {
        let (found, absent) = shares(KEYS_MAX, 0.1);
        assert!(absent <= KEYS_MAX && found.abs_diff(absent / 9) <= 1, "{found} {absent}");
        assert_eq!(shares(0, 0.5), (0, 0));
        assert_eq!(shares(10, 1.0), (10, 0));
    }
}
