//! A small world of four tenants, and how a test asks about a message in it.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use persondb_data::builder::{BuildOptions, build};
use persondb_data::input::InputSpec;
use persondb_data::message::Message;
use persondb_data::segment::Segment;
use persondb_protocol::Generation;
use persondb_protocol::matching::{
    AddressKind, Candidate, Flag, MatchEvidence, MatchOptions, NameKind, Party, RECIPIENT_COUNT_MAX,
};

pub(crate) const HEADER: &str = "tenant_id,person_id,email,aliases,display_name,given_name,family_name,preferred_name,other_names,\
     personal_emails,kind,status,vip\n";

/// Everybody but the many who make `acme` large.
const PEOPLE: &str = "\
acme,A1,jane.doe@acme.example,jane@acme.example;chief@acme-labs.example,Jane Doe,Jane,Doe,,Jane Roe,jane.doe@home.example;jane.q.doe@gmail.com,person,active,3
acme,A2,john.smith@acme.example,,\"Smith, John Quincy\",John,Smith,Jack,,,person,active,0
acme,A3,juergen.gross@acme.example,,Jürgen Groß,Jürgen,Groß,,,,person,active,0
acme,A4,Robert.Homeier@acme.example,RH@acme.example,Robert Homeier,Robert,Homeier,,,,person,active,0
acme,A5,helpdesk@acme.example,help@acme.example,Help Desk,,,,,,shared,active,0
acme,A6,billing@acme.example,,Billing Team,,,,,,role,active,0
acme,A7,robot@acme.example,,Build Robot,,,,,,service,active,0
acme,A8,vera@elsewhere.example,,Vera Visitor,Vera,Visitor,,,,guest,active,0
acme,A9,carl@contractor.example,,Carl Contract,Carl,Contract,,,,external,active,0
acme,A10,tom.gone@acme.example,,Tom Gone,Tom,Gone,,,,person,terminated,0
acme,A11,maria.lopez@acme.example,,María López,María,López,,,,person,active,0
acme,A12,maria.lopez2@acme.example,,Maria Lopez,Maria,Lopez,,,,person,active,0
acme,A13,madonna@acme.example,,Madonna,,,,,,person,active,0
acme,A14,p.at.lee@dots.example,,Patricia Leerdam,Patricia,Leerdam,,,,person,active,0
acme,A15,plus+literal@acme.example,,Lita Literal,Lita,Literal,,,,person,active,0
acme,A16,plus@acme.example,,Paula Plussing,Paula,Plussing,,,,person,active,0
acme,A17,zoe.quill@acme.example,,Zoe Quill,Zoe,Quill,,,,person,active,0
acme,A18,both@shared.example,,Bea Twofold,Bea,Twofold,,,,person,active,0
acme,A19,pair@acme.example,,Ada Paired,Ada,Paired,,,,person,active,0
acme,A20,pair@acme.example,,Ida Paired,Ida,Paired,,,,person,active,0
globex,G1,jane.doe@globex.example,,Jane Doe,Jane,Doe,,,,person,active,0
globex,G2,bruno.lonely@globex.example,,Bruno Lonely,Bruno,Lonely,,,,person,active,0
globex,G3,both@shared.example,,Bea Twofold,Bea,Twofold,,,,person,active,0
globex,G4,nina@gmail.com,,Nina Mailer,Nina,Mailer,,,,person,active,0
initech,I1,ines@initech.example,,Ines Initial,Ines,Initial,,,,person,active,0
initech,I2,peter@initech.example,,Peter Gibbon,Peter,Gibbon,,,,person,active,0
umbrella,U1,uma@corporation.example,,Uma Brella,Uma,Brella,,,,person,active,0
";

const ALIASES: &str = "tenant_id,person_id,email,address,kind
acme,A2,,smithy@acme.example,alias
acme,,zoe.quill@acme.example,zoe@private.example,personal
";

const DOMAINS: &str = "tenant_id,domain,kind,subaddress,dots_ignored
acme,acme.example,owned,+,
acme,acme-labs.example,owned,,
acme,dots.example,owned,,yes
acme,supplier.example,partner,,
initech,initech.example,owned,,
umbrella,corporation.example,owned,,
";

/// People of `acme` without any part in a test: with them a guest's domain is no large share of the tenant.
const CROWD: usize = 300;

/// A segment to ask.
pub(crate) struct World {
    pub(crate) segment: Segment<Vec<u8>>,
}

impl World {
    /// The one above.
    pub(crate) fn new() -> Self {
        let mut people = HEADER.to_owned() + PEOPLE;
        for number in 0..CROWD {
            writeln!(
                people,
                "acme,C{number},crowd{number}@acme.example,,Crowd{number:03} Member{number:03},,,,,,,,"
            )
            .unwrap();
        }
        Self::of(&people, ALIASES, DOMAINS)
    }

    /// Of these files; an empty one is left out.
    pub(crate) fn of(people: &str, aliases: &str, domains: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let spec = InputSpec {
            people: vec![write("people.csv", people)],
            aliases: (!aliases.is_empty()).then(|| write("aliases.csv", aliases)),
            domains: (!domains.is_empty()).then(|| write("domains.csv", domains)),
            ..InputSpec::default()
        };
        let mut bytes = Vec::new();
        let report = build(&spec, &options(), &mut bytes, &mut |_| {}).unwrap();
        assert_eq!(report.rejected, 0, "{report:?}");
        let segment = Segment::open(bytes).unwrap();
        segment.verify(None, &mut |_| ControlFlow::Continue(())).unwrap();
        Self { segment }
    }

    /// What is known of a message from `from` to `to`, both raw headers.
    pub(crate) fn ask(&self, from: &str, to: &str) -> MatchEvidence {
        self.ask_about(&message(from, to), &MatchOptions::default())
    }

    /// The same with only these tenants looked at.
    pub(crate) fn ask_within(&self, tenants: &[&str], from: &str, to: &str) -> MatchEvidence {
        let tenants = Some(tenants.iter().map(|&tenant| tenant.to_owned()).collect());
        self.ask_about(&message(from, to), &MatchOptions { tenants, ..MatchOptions::default() })
    }

    /// Any message. Whatever is asked, the answer keeps the promises that all answers make.
    pub(crate) fn ask_about(&self, message: &Message<'_>, options: &MatchOptions) -> MatchEvidence {
        let evidence = self.segment.match_message(message, options).unwrap();
        check(&evidence, options);
        *evidence
    }

    /// What the sender's address is to a recipient of `acme`.
    pub(crate) fn sender(&self, from: &str) -> Party {
        self.ask(from, "zoe.quill@acme.example").from.unwrap()
    }

    /// Who bears the name of a stranger who writes to `acme`.
    pub(crate) fn named(&self, name: &str) -> Vec<Candidate> {
        let message =
            Message { from_name: Some(name.into()), ..message("x@stranger.test", "zoe.quill@acme.example") };
        let evidence = self.ask_about(&message, &MatchOptions::default());
        evidence.sender_name.map(|name| name.candidates).unwrap_or_default()
    }

    /// How that name agrees with the person's; None where it does not.
    pub(crate) fn kind_of(&self, name: &str, person: &str) -> Option<NameKind> {
        self.candidate(name, person).map(|candidate| candidate.matched)
    }

    pub(crate) fn candidate(&self, name: &str, person: &str) -> Option<Candidate> {
        self.named(name).into_iter().find(|candidate| candidate.person_id == person)
    }
}

pub(crate) fn message<'a>(from: &'a str, to: &'a str) -> Message<'a> {
    Message {
        from: Some(from.into()),
        recipients: std::iter::once(to.into()).collect(),
        ..Message::default()
    }
}

pub(crate) fn options() -> BuildOptions {
    BuildOptions {
        generation: Generation(7),
        load_started_boot_ns: 0,
        built_at_wall_ns: 0,
        config_digest: [0; 16],
        hash_seed: 42,
        threads: 2,
        rejects: None,
    }
}

/// Identifiers of the people behind an address.
pub(crate) fn people(party: &Party) -> Vec<&str> {
    party.people.iter().map(|person| person.person_id.as_str()).collect()
}

/// Identifiers of the candidates, with the tenant where it is not `acme`.
pub(crate) fn ids(evidence: &MatchEvidence) -> Vec<&str> {
    let name = evidence.sender_name.iter();
    name.flat_map(|name| &name.candidates).map(|candidate| candidate.person_id.as_str()).collect()
}

/// What holds for every answer, whatever was asked.
pub(crate) fn check(evidence: &MatchEvidence, options: &MatchOptions) {
    assert_eq!((evidence.generation, evidence.norm_version > 0), (Generation(7), true));
    assert!(evidence.recipients.len() <= RECIPIENT_COUNT_MAX);
    let senders = [&evidence.from, &evidence.reply_to, &evidence.envelope_from].into_iter().flatten();
    for party in senders.chain(&evidence.recipients) {
        check_party(party);
    }
    let Some(name) = &evidence.sender_name else {
        assert_eq!(evidence.candidate_count, 0);
        return;
    };
    assert!(!name.name.is_empty() && name.name.len() <= 1024 && name.embedded_addresses.len() <= 4);
    assert!(is_ascending(&name.flags));
    assert!(name.candidates.len() <= options.candidate_limit());
    assert!(evidence.candidate_count >= name.candidates.len() as u64);
    assert!(name.candidates.is_sorted_by_key(|candidate| candidate.matched), "strongest first");
    let own = |candidate: &Candidate| {
        let person = |tenant, id| (tenant, id) == (&candidate.tenant_id, &candidate.person_id);
        evidence.from.iter().flat_map(|from| &from.people).any(|own| person(&own.tenant_id, &own.person_id))
    };
    for candidate in &name.candidates {
        assert!(evidence.recipient_tenants.contains(&candidate.tenant_id), "a name counts in the scope only");
        assert!(!own(candidate), "whoever the address belongs to is no candidate");
        assert_eq!(candidate.distance, u8::from(candidate.matched == NameKind::Edit1));
        assert!(is_ascending(&candidate.flags));
    }
}

fn check_party(party: &Party) {
    assert!(is_ascending(&party.kinds) && is_ascending(&party.flags), "{party:?}");
    assert!(!party.kinds.is_empty(), "there is always a kind");
    assert_eq!(
        party.kinds.contains(&AddressKind::None),
        party.kinds == [AddressKind::None],
        "none stands alone"
    );
    assert_eq!(party.key.is_none(), party.invalid.is_some(), "{party:?}");
    assert!(party.people.is_sorted_by_key(|person| person.matched), "strongest first");
    assert!(party.people.len() <= 1000 && party.lookalikes.len() <= 8);
    assert_eq!(party.kinds.contains(&AddressKind::LookalikeDomain), !party.lookalikes.is_empty());
    assert!(party.people.len() < 2 || party.flags.contains(&Flag::Ambiguous));
    let is_somebody = party.kinds.first().is_some_and(|&kind| kind < AddressKind::OwnedDomainUnknownUser);
    assert_eq!(is_somebody, !party.people.is_empty(), "{party:?}");
}

/// In order and without doubles.
fn is_ascending<T: Ord>(list: &[T]) -> bool {
    list.is_sorted_by(|a, b| a < b)
}
