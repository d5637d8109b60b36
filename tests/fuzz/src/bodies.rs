//! Any bytes as a header, as a whole message, and as the values of one that is matched.

use std::sync::LazyLock;

use persondb_data::builder::{BuildOptions, build};
use persondb_data::input::InputSpec;
use persondb_data::message::{
    DISPLAY_NAME_BYTES_MAX, EMBEDDED_COUNT_MAX, MAILBOX_COUNT_MAX, Mailbox, Message, address_fault,
    compare_domains, embedded_addresses, header_text, parse_address_list,
};
use persondb_data::normalize::names::{Name, Reach, compare};
use persondb_data::normalize::{KeyBuffer, address_key};
use persondb_data::segment::Segment;
use persondb_protocol::Generation;
use persondb_protocol::matching::{MatchEvidence, MatchMessage, MatchOptions, Party, RECIPIENT_COUNT_MAX};

/// A tenant whose people have what matching looks at: nicknames, umlauts, aliases, a shared mailbox, importance.
const PEOPLE: &str = "tenant_id,person_id,email,aliases,display_name,given_name,family_name,personal_emails,kind,vip\n\
    acme,1,jane.doe@acme.example,jd@acme.example,Jane Doe,Jane,Doe,jane.doe@gmail.com,person,3\n\
    acme,2,robert.homeier@acme.example,,\"Homeier, Robert\",Robert,Homeier,,person,\n\
    acme,3,j.gross@acme.example,,Jürgen Groß,Jürgen,Groß,,person,\n\
    acme,4,help@acme.example,,Help Desk,,,,shared,\n\
    globex,1,jane.doe@globex.example,,Jane Doe,,,,person,\n\
    globex,2,help@acme.example,,Help,,,,guest,\n";

const DOMAINS: &str = "tenant_id,domain,kind,subaddress,dots_ignored\n\
    acme,acme.example,owned,+,yes\n\
    acme,acme-labs.example,owned,,\n\
    acme,supplier.example,partner,,\n";

static SEGMENT: LazyLock<Segment<Vec<u8>>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("there is room for temporary files");
        path
    };
    let spec = InputSpec {
        people: vec![write("people.csv", PEOPLE)],
        domains: Some(write("domains.csv", DOMAINS)),
        ..InputSpec::default()
    };
    let options = BuildOptions {
        generation: Generation(1),
        load_started_boot_ns: 0,
        built_at_wall_ns: 0,
        config_digest: [0; 16],
        hash_seed: 42,
        threads: 1,
        rejects: None,
    };
    let mut bytes = Vec::new();
    build(&spec, &options, &mut bytes, &mut |_| {}).expect("a good export");
    Segment::open(bytes).expect("the builder has made it")
});

/// Bytes of one address header: all that is made of it stays within its limits.
pub fn header(bytes: &[u8]) {
    let header = header_text(bytes);
    let mut list = parse_address_list(&header);
    let mut count = 0;
    let (mut sender, mut person) = (Name::default(), Name::default());
    person.read("Jane Doe");
    for mailbox in list.by_ref() {
        count += 1;
        check_mailbox(&mailbox, &header);
        sender.read(&mailbox.name);
        let forth = compare(&sender, &person, Reach::Vip);
        assert!(forth.is_none_or(|forth| !mailbox.name.is_empty() && forth.distance <= 1));
    }
    assert!(count <= MAILBOX_COUNT_MAX);
    assert!(list.next().is_none(), "a list that has ended stays so");
}

fn check_mailbox(mailbox: &Mailbox<'_>, header: &str) {
    assert!(mailbox.name.len() <= DISPLAY_NAME_BYTES_MAX && mailbox.address.len() <= header.len());
    assert!(header.contains(mailbox.raw), "the raw address stands in the header");
    assert!(embedded_addresses(&mailbox.name).count() <= EMBEDDED_COUNT_MAX);
    let mut buffer = KeyBuffer::new();
    let key = address_key(&mailbox.address, &mut buffer);
    assert_eq!(
        address_fault(&mailbox.address).is_some(),
        key.is_none(),
        "a fault is told where there is no key"
    );
    let Some(key) = key else { return };
    if let Ok(domain) = str::from_utf8(key.domain()) {
        let (there, back) =
            (compare_domains(domain, "acme.example"), compare_domains("acme.example", domain));
        assert_eq!(there, back, "imitation has two sides");
    }
}

/// Bytes of a message as it came: the same values by way of the socket.
pub fn eml(bytes: &[u8]) {
    let owned = {
        let message = Message::from_eml(bytes);
        assert!(message.recipient_mailboxes().count() <= RECIPIENT_COUNT_MAX);
        message.to_match_message()
    };
    assert_eq!(Message::from(&owned).to_match_message(), owned);
    assert_eq!(Message::from(&owned), Message::from_eml(bytes));
    answer(&owned);
}

/// Values of a message, parted by zero bytes: From, its name, its address, Reply-To, the envelope's sender, then
/// recipients. One of the recipients is somebody, so that there is a scope.
pub fn message(bytes: &[u8]) {
    let mut values = bytes.split(|&byte| byte == 0).map(|value| header_text(value).into_owned());
    let mut next = || values.next().filter(|value| !value.is_empty());
    let mut message = MatchMessage {
        from: next(),
        from_name: next(),
        from_addr: next(),
        reply_to: next(),
        envelope_from: next(),
        ..MatchMessage::default()
    };
    message.recipients.push("robert.homeier@acme.example".into());
    message.recipients.extend(values);
    answer(&message);
}

fn answer(message: &MatchMessage) {
    let message = Message::from(message);
    let options = MatchOptions { candidates_max: 3, ..MatchOptions::default() };
    let evidence = SEGMENT.match_message(&message, &options).expect("a segment that was just built");
    let again = SEGMENT.match_message(&message, &options).expect("a segment that was just built");
    assert_eq!(evidence, again, "one generation, one answer");
    check(&evidence, &options);
}

fn check(evidence: &MatchEvidence, options: &MatchOptions) {
    assert!(evidence.recipients.len() <= RECIPIENT_COUNT_MAX);
    let senders = [&evidence.from, &evidence.reply_to, &evidence.envelope_from].into_iter().flatten();
    senders.chain(&evidence.recipients).for_each(check_party);
    if let Some(name) = &evidence.sender_name {
        assert!(
            name.name.len() <= DISPLAY_NAME_BYTES_MAX && name.candidates.len() <= options.candidate_limit()
        );
        assert!(name.candidates.len() as u64 <= evidence.candidate_count);
        assert!(name.candidates.is_sorted_by_key(|candidate| candidate.matched));
        assert!(name.candidates.iter().all(|one| evidence.recipient_tenants.contains(&one.tenant_id)));
    }
}

fn check_party(party: &Party) {
    assert!(!party.kinds.is_empty() && party.kinds.is_sorted());
    assert_eq!(party.key.is_none(), party.invalid.is_some());
    assert!(party.people.len() <= 8, "there are not more");
}
