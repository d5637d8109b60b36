//! Messages to be matched, made of people there are: which ones, and what has to be known of them.
//!
//! A message goes to a few people of one tenant. Its sender is somebody on record, of whatever tenant, or a stranger
//! who bears the name of somebody of the recipients' tenant. So every answer is known beforehand, as far as it is
//! checked: who the recipients are, who the sender is, and whose name a stranger has borrowed.
//!
//! A message is one entry of the file of keys ([`KeyWriter`]): the From header as its address, and two records, the
//! recipients' addresses, and [`About`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use super::book::{Random, Sample};
use super::keys::{Expected, Fields, Key, KeyWriter};

/// Recipients of a message, where a tenant has as many.
pub(crate) const RECIPIENTS: usize = 5;
/// Most people that messages are made of.
const PEOPLE_MAX: usize = 1 << 17;
/// Most messages.
const MESSAGES_MAX: usize = 1 << 16;
/// Longest name that is borrowed, in bytes.
const NAME_SIZE_MAX: usize = 200;
/// Domain of strangers: reserved, so nobody has an address there (RFC 2606).
const STRANGE_DOMAIN: &str = "persondb-load.invalid";

/// Somebody who can write, be written to, and be impersonated.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// Tenant.
    pub(crate) tenant: String,
    /// Identifier within it.
    pub(crate) person_id: String,
    /// Primary address.
    pub(crate) email: String,
    /// Display name.
    pub(crate) name: String,
}

/// The people of a test, while they are collected.
#[derive(Debug)]
pub(crate) struct MessageBook {
    random: Random,
    people: Sample<Sender>,
}

/// What is expected of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About<'a> {
    /// Tenant of all recipients.
    pub(crate) tenant: &'a str,
    /// Tenant of the sender, or of the person whose name is borrowed.
    pub(crate) sender_tenant: &'a str,
    /// Identifier of either.
    pub(crate) sender_id: &'a str,
}

impl MessageBook {
    /// Nobody yet; the same `seed` and the same data give the same messages.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random(seed), people: Sample::new(PEOPLE_MAX) }
    }

    /// One person of the data. Left out where the CSV's own writing of name or address would need to be understood to
    /// put it into a header.
    pub(crate) fn person(&mut self, sender: Sender) {
        if is_plain_address(&sender.email) && is_plain_name(&sender.name) {
            self.people.offer(&mut self.random, || sender);
        }
    }

    /// Forgets those for whom this holds.
    pub(crate) fn forget(&mut self, is_unfit: impl Fn(&Sender) -> bool) {
        self.people.kept.retain(|sender| !is_unfit(sender));
    }

    /// Writes messages into `file`, a share of `hits` of them from somebody on record. Gives the number of blocks, 0
    /// when there is no message.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(mut self, file: File, hits: f64) -> io::Result<u64> {
        let people = std::mem::take(&mut self.people.kept);
        let mut tenants: BTreeMap<&str, Vec<&Sender>> = BTreeMap::new();
        for person in &people {
            tenants.entry(&person.tenant).or_default().push(person);
        }
        let mut writer = KeyWriter::new(file);
        for number in 0..people.len().min(MESSAGES_MAX) {
            let borrowed = &people[self.random.below(people.len())];
            let colleagues = &tenants[borrowed.tenant.as_str()];
            let recipients = self.recipients(colleagues);
            // Known senders are spread evenly among the messages, whatever their share.
            let (before, after) = (share(number, hits), share(number + 1, hits));
            let (expected, from, sender) = if after > before {
                let sender = &people[self.random.below(people.len())];
                (Expected::Found, header(&sender.name, &sender.email), sender)
            } else {
                let email = format!("s{number}@{STRANGE_DOMAIN}");
                (Expected::Absent, header(&borrowed.name, &email), borrowed)
            };
            let about = [&borrowed.tenant, &sender.tenant, &sender.person_id].map(Clone::clone).to_vec();
            writer.push(expected, &from, &[recipients, about])?;
        }
        writer.finish()
    }

    /// Different people of one tenant, as far as it has them.
    fn recipients(&mut self, colleagues: &[&Sender]) -> Vec<String> {
        let first = self.random.below(colleagues.len());
        // A step that is coprime to most lengths spreads them; beside each other they would share cache lines.
        let step = self.random.below(colleagues.len().max(1)).max(1);
        let mut chosen: Vec<String> = Vec::with_capacity(RECIPIENTS);
        for i in 0..RECIPIENTS.min(colleagues.len()) {
            let email = &colleagues[(first + i * step) % colleagues.len()].email;
            if !chosen.contains(email) {
                chosen.push(email.clone());
            }
        }
        chosen
    }
}

/// The recipients of a message and what is expected of it; `None` for an entry that is no message.
pub(crate) fn message_of<'a>(key: &Key<'a>) -> Option<(Fields<'a>, About<'a>)> {
    let mut records = key.records();
    let (recipients, mut about) = (records.next()?, records.next()?);
    let about = About { tenant: about.next()?, sender_tenant: about.next()?, sender_id: about.next()? };
    Some((recipients, about))
}

/// How many of the first `number` messages are from somebody on record.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of at most 2^16 messages"
)]
fn share(number: usize, hits: f64) -> usize {
    (number as f64 * hits).floor() as usize
}

/// A From header in which the name is quoted (RFC 5322, 3.2.4).
fn header(name: &str, address: &str) -> String {
    let mut header = String::with_capacity(name.len() + address.len() + 5);
    header.push('"');
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            header.push('\\');
        }
        header.push(c);
    }
    header + "\" <" + address + ">"
}

fn is_plain_address(address: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
    !address.contains(is_odd) && address.matches('@').count() == 1 && address.len() <= 254
}

fn is_plain_name(name: &str) -> bool {
    // Marks alone are no name to anybody.
    name.contains(char::is_alphanumeric)
        && name.len() <= NAME_SIZE_MAX
        && !name.contains(char::is_control)
        && !name.contains("=?")
        && !name.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::keys::KeyReader;

    fn sender(tenant: &str, number: usize, name: &str) -> Sender {
        let email = format!("p{number}@{tenant}.example");
        Sender { tenant: tenant.into(), person_id: number.to_string(), email, name: name.into() }
    }

    fn messages(book: MessageBook, hits: f64, count: usize) -> Vec<(bool, String, Vec<String>, Vec<String>)> {
        let file = tempfile::tempfile().unwrap();
        let blocks = book.write(file.try_clone().unwrap(), hits).unwrap();
        let mut reader = KeyReader::new(file, blocks, 0).unwrap();
        (0..count)
            .map(|_| {
                let key = reader.next_key().unwrap();
                let (recipients, about) = message_of(&key).unwrap();
                let about = [about.tenant, about.sender_tenant, about.sender_id].map(str::to_owned).to_vec();
                let recipients = recipients.map(str::to_owned).collect();
                (key.expected == Expected::Found, key.address.to_owned(), recipients, about)
            })
            .collect()
    }

    #[test]
    fn strangers_bear_a_name_of_the_recipients_tenant_and_the_share_is_kept() {
        let mut book = MessageBook::new(1);
        for i in 0..200 {
            book.person(sender(["a", "b"][i % 2], i, &format!("Name {i}")));
        }
        let messages = messages(book, 0.25, 200);
        assert_eq!(messages.iter().filter(|message| message.0).count(), 50);
        for (is_known, from, recipients, about) in messages {
            let [tenant, sender_tenant, sender_id] = &about[..] else { panic!("{about:?}") };
            assert!((1..=RECIPIENTS).contains(&recipients.len()), "{recipients:?}");
            assert!(recipients.iter().all(|r| r.ends_with(&format!("@{tenant}.example"))), "{recipients:?}");
            assert!(from.starts_with(&format!("\"Name {sender_id}\" <")), "{from}");
            if is_known {
                assert!(from.ends_with(&format!(" <p{sender_id}@{sender_tenant}.example>")), "{from}");
            } else {
                assert_eq!(tenant, sender_tenant);
                assert!(from.ends_with("@persondb-load.invalid>"), "{from}");
            }
        }
    }

    #[test]
    fn names_are_quoted_and_what_a_header_would_read_otherwise_is_left_out() {
        assert_eq!(header("Doe, \"J\\", "a@b.example"), r#""Doe, \"J\\" <a@b.example>"#);
        let mut book = MessageBook::new(1);
        for (email, name) in [
            ("a b@x.example", "Ann"),
            ("\"a\"@x.example", "Ann"),
            ("<a@x.example>", "Ann"),
            ("a@x.example", " "),
            ("a@x.example", "\""),
            ("a@x.example", "=?utf-8?q?Ann?="),
            ("a@x.example", "Ann\nAsh"),
            ("a@x.example", "ann@x.example"),
        ] {
            let (tenant, person_id) = ("t".into(), "1".into());
            book.person(Sender { tenant, person_id, email: email.into(), name: name.into() });
        }
        assert_eq!(book.write(tempfile::tempfile().unwrap(), 0.5).unwrap(), 0);
    }
}
