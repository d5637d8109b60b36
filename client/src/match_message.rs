//! [`Pin::match_message`]: evidence about one message, whichever way it goes.

use persondb_data::message::Message;
use persondb_data::segment::Segment;
use persondb_protocol::answer::{Answer, Unavailable};
use persondb_protocol::control::{Reply, Request};
use persondb_protocol::matching::{MatchAnswer, MatchEvidence, MatchOptions};
use persondb_shm::SegmentMap;

use crate::counters::Outcome;
use crate::pin::Pin;
use crate::view::View;

impl Pin {
    /// What the directory knows of a message: who its addresses are, and who else bears the sender's name.
    ///
    /// Evidence of one generation, never a verdict. An address of which nothing is known is evidence too; only
    /// [`MatchAnswer::Unavailable`] says that there is no way to know. Costs a batch of look-ups by address and some
    /// by name; the answer is owned.
    ///
    /// ```no_run
    /// use persondb_client::{AddressKind, Client, MatchAnswer, Message};
    ///
    /// let client = Client::open("default")?;
    /// let eml = std::fs::read("message.eml")?;
    /// let message = Message::from_eml(&eml); // or its fields, as the mail server has them
    /// match client.pin()?.match_message(&message) {
    ///     MatchAnswer::Matched(evidence) => {
    ///         let kinds = evidence.from.map(|from| from.kinds).unwrap_or_default();
    ///         println!("an imitated domain: {}", kinds.contains(&AddressKind::LookalikeDomain));
    ///         for other in evidence.sender_name.iter().flat_map(|name| &name.candidates) {
    ///             println!("the name of {} of {}: {:?}", other.email, other.tenant_id, other.matched);
    ///         }
    ///     }
    ///     MatchAnswer::Unavailable(why) => println!("cannot say: {why}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn match_message(&self, message: &Message<'_>) -> MatchAnswer {
        self.match_message_with(message, &MatchOptions::default())
    }

    /// [`Self::match_message`] with a number of candidates, or within some tenants only.
    #[must_use]
    pub fn match_message_with(&self, message: &Message<'_>, options: &MatchOptions) -> MatchAnswer {
        let answer = self.try_match(message, options).unwrap_or_else(MatchAnswer::Unavailable);
        self.count_outcome(match &answer {
            MatchAnswer::Matched(_) => Outcome::Matched,
            MatchAnswer::Unavailable(why) => Outcome::Unavailable(why.reason),
        });
        answer
    }

    /// The limits are kept before the ways part, so that both give the same answer.
    fn try_match(&self, message: &Message<'_>, options: &MatchOptions) -> Result<MatchAnswer, Unavailable> {
        options.check()?;
        let message = message.bounded();
        match self.view() {
            View::Mapped(mapped) => read(&mapped.segment, &message, options),
            View::Socket { .. } | View::Nothing(_) => {
                let message = Box::new(message.to_match_message());
                Ok(self.ask_match(&Request::Match { message, options: options.clone() }))
            }
        }
    }

    fn ask_match(&self, request: &Request) -> MatchAnswer {
        let answer: Answer<Box<MatchEvidence>> = self.ask(request, |reply| match reply {
            Reply::Match(MatchAnswer::Matched(evidence)) => {
                Some(Answer::Found(evidence.generation, evidence))
            }
            Reply::Match(MatchAnswer::Unavailable(why)) => Some(Answer::Unavailable(why)),
            _ => None,
        });
        match answer {
            Answer::Found(_, evidence) => MatchAnswer::Matched(evidence),
            Answer::Unavailable(why) => MatchAnswer::Unavailable(why),
            Answer::Absent(_) => unreachable!("no match is absent, and none is made of a reply above"),
        }
    }
}

fn read(
    segment: &Segment<SegmentMap>,
    message: &Message<'_>,
    options: &MatchOptions,
) -> Result<MatchAnswer, Unavailable> {
    let evidence = segment.match_message(message, options)?;
    Ok(MatchAnswer::Matched(evidence))
}
