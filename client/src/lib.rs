//! Look people up in the shared generation: pin, get, answer.
//!
//! ```no_run
//! use persondb_client::{Client, Lookup};
//!
//! let client = Client::open("default")?;          // once for a process
//!
//! let pin = client.pin()?;                        // once for a message: one load when nothing changed
//! match pin.get("jane.doe@corp.example") {        // a few cache lines of shared memory
//!     Lookup::Found(people) => {
//!         for person in &people {
//!             println!("{} of {}", person.display_name()?, person.tenant_id()?);
//!             println!("department: {:?}", person.value("department")?);
//!         }
//!     }
//!     Lookup::Absent(generation) => println!("nobody in generation {generation}"),
//!     Lookup::Unavailable(why) => println!("cannot say: {why}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Many addresses, many columns
//!
//! [`Pin::get_many`] asks for all addresses of a batch together: their cache misses overlap.
//! [`PersonRef::read_email`], [`PersonRef::read`] and [`PersonRef::for_each_column`] put values into the
//! caller's buffers, and allocate nothing once these are large enough.
//!
//! ```no_run
//! use persondb_client::{Client, Lookup};
//!
//! let client = Client::open("default")?;
//! let pin = client.pin()?;
//!
//! let senders = ["jane.doe@corp.example", "info@corp.example"];
//! let mut lookups = Vec::with_capacity(senders.len());
//! pin.get_many(&senders, |_, lookup| lookups.push(lookup)); // one answer for each, in their order
//!
//! let (mut email, mut scratch) = (String::new(), Vec::new());
//! for (sender, lookup) in senders.iter().zip(&lookups) {
//!     match lookup {
//!         Lookup::Found(people) => {
//!             let person = people.first();
//!             person.read_email(&mut email)?; // as the CSV has it
//!             println!("{sender} is {email}, {:?}", person.status()?);
//!             person.for_each_column(&mut scratch, |header, value| println!("  {header}: {value}"))?;
//!         }
//!         Lookup::Absent(_) => println!("{sender}: nobody"),
//!         Lookup::Unavailable(why) => println!("{sender}: cannot say: {why}"),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Whole messages
//!
//! [`Pin::match_message`] gives evidence about a message: who its addresses are, whether the sender's domain imitates
//! one of the recipients', and who of the recipients' people bears the sender's name.
//!
//! ```no_run
//! use persondb_client::{Client, MatchAnswer, Message};
//!
//! let client = Client::open("default")?;
//! let message = Message {
//!     from: Some("Jane Doe <jane@evil.example>".into()), // as the header has it
//!     recipients: ["joe@corp.example".into()].into_iter().collect(),
//!     ..Message::default()
//! };
//! if let MatchAnswer::Matched(evidence) = client.pin()?.match_message(&message) {
//!     for other in evidence.sender_name.iter().flat_map(|name| &name.candidates) {
//!         println!("{} of {} is called so too: {:?}", other.email, other.tenant_id, other.matched);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does by itself
//!
//! It attaches by descriptor over the daemon's socket, by name when no daemon answers, and asks over the
//! socket where mapping cannot be had. It moves over to each new generation in the background, and
//! goes on with the old one when that fails. It works in children after a `fork`. It counts what its
//! look-ups came to. [`Client::status`] shows all of that.
//!
//! It writes nothing that others share. A process killed in the middle leaves nothing behind.
//!
//! | module | what it holds |
//! |---|---|
//! | `builder` | [`ClientBuilder`]: what a client may be told |
//! | `client` | [`Client`]: the handle; whole again after a fork |
//! | `pin`, `reader` | [`Pin`]: look-ups in one generation; what a thread keeps to make it one load |
//! | `lookup`, `person` | [`Lookup`], [`People`], [`PersonRef`]: the answers |
//! | `match_message` | [`Pin::match_message`]: evidence about a message |
//! | `attach`, `view` | mapping a generation by descriptor or name, or not |
//! | `watch`, `live` | moving over; what belongs to one process |
//! | `connection`, `link` | frames; the connection over which the daemon learns where a client is |
//! | `socket`, `control` | look-ups over frames; an operator's commands |
//! | `counters`, `status` | what the look-ups came to; how the client stands |
#![forbid(unsafe_code)]

mod attach;
mod builder;
mod client;
mod connection;
mod control;
mod counters;
mod link;
mod live;
mod lookup;
mod match_message;
mod person;
mod pin;
mod reader;
mod socket;
mod status;
mod view;
mod watch;

pub use builder::{ClientBuilder, ClientError, Via, Watch};
pub use client::Client;
pub use control::{Announced, Control, ControlError, Subscription};
pub use counters::Counters;
pub use lookup::{DomainLookup, Lookup, People, PeopleIter};
pub use person::PersonRef;
pub use pin::Pin;
pub use status::{Attached, ClientStatus, HeldGeneration, Watcher};

pub use persondb_data::message::Message;
pub use persondb_protocol::answer::{
    AccountStatus, Answer, DomainFact, DomainKind, Kind, Matched, Person, Reason, Unavailable,
};
pub use persondb_protocol::control::{Refusal, RefusalKind, RollUntil, Rolled};
pub use persondb_protocol::matching::{
    AddressKind, Candidate, Flag, LookalikeDomain, LookalikeKind, MatchAnswer, MatchEvidence, MatchMessage,
    MatchOptions, MatchedField, NameEvidence, NameKind, Oddity, Party, PartyPerson,
};
pub use persondb_protocol::{DatasetName, Few, Generation, Text};
