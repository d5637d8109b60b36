//! The messages of a demo: two as they are typed, then many by its client processes while the data is exchanged.

use std::time::Duration;

use super::play::{People, Play, no_place, roll};
use super::screen::{Screen, number};
use crate::exit::Failure;
use crate::load::csv::{Somebody, colleague};
use crate::load::job::{Ask, Until};
use crate::load::report::{Report, Verdict};
use crate::load::roller::RollPlan;
use crate::load::run::{self, Keys, Operator, Plan, RunError};
use crate::output::grouped;

/// Rolls while messages are matched.
const ROLLS: u64 = 2;

impl Play<'_> {
    /// Two messages under the same name: one from where it should come, one from elsewhere. What did not go as it
    /// should.
    pub(super) fn show_messages(
        &self,
        screen: &mut Screen,
        people: &People,
        who: &Somebody,
    ) -> Result<Vec<String>, Failure> {
        screen.step("Messages, as they are typed")?;
        let colleague = colleague(&people.first, who).map_err(Failure::usage)?;
        let to = colleague.as_deref().unwrap_or(&who.alias);
        let own = format!("{} <{}>", who.full_name, who.email);
        let foreign = format!("{} <{}>", who.full_name, imitated(&who.email));
        let mut problems = Vec::new();
        for from in [own, foreign] {
            problems.extend(self.type_command(screen, &["match", "--from", &from, "--to", to], 0)?);
        }
        Ok(problems)
    }

    /// Clients match messages while the data is exchanged under them; `None` where nobody has a display name.
    pub(super) fn match_messages(
        &self,
        screen: &mut Screen,
        people: &People,
    ) -> Result<Option<Report>, Failure> {
        screen.step("Messages under load")?;
        screen.line("each from somebody on record, or a stranger under a name of the recipients' tenant;")?;
        screen.line(&format!("meanwhile the data is exchanged {ROLLS} times"))?;
        let place = self.scene.place();
        let plan = Plan {
            place: place.clone(),
            ask: Ask::Match,
            keys: Keys::Csv { sides: vec![people.first.clone()], tenant: self.args.tenant.clone() },
            clients: self.args.clients,
            connections: 1,
            batch: 1,
            rate: None,
            hits: 0.5,
            until: Until::Told,
            rolls: Some(RollPlan {
                every: Duration::from_secs(self.args.seconds.into()) / 6,
                count: Some(ROLLS),
            }),
        };
        let mut operator = Operator::new(&place);
        match run::run(&plan, &mut || roll(&mut operator, "roll").map(|_| ())) {
            Ok(report) => {
                screen.block(|out| report.summary(out))?;
                Ok(Some(report))
            }
            Err(RunError::NoKeys) => {
                screen.line("nobody in this file has a display name: no messages")?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A command as it is typed; what is wrong with its end.
    pub(super) fn type_command(
        &self,
        screen: &Screen,
        arguments: &[&str],
        expected: i32,
    ) -> Result<Option<String>, Failure> {
        let output = self.scene.type_command(arguments).map_err(no_place)?;
        screen.command(arguments, &output)?;
        let status = output.status;
        Ok((status.code() != Some(expected))
            .then(|| format!("persondb {} ended with {status}, expected {expected}", arguments.join(" "))))
    }
}

/// What the messages are to show, and whether they did.
pub(super) fn claims(report: &Report) -> [(String, bool); 2] {
    let held = report.verdict() == Verdict::Held;
    [
        (
            format!(
                "{} matched, {} of them failed",
                number(report.lookups(), "message", "messages"),
                report.failures()
            ),
            report.lookups() > 0 && report.failures() == 0,
        ),
        (
            format!(
                "of {} every recipient was known, every sender on record, every borrowed name",
                grouped(report.compared)
            ),
            report.compared > 0 && held,
        ),
    ]
}

/// The address in a domain that looks like its own: a letter of its name stands twice.
fn imitated(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, "corp.example"));
    let (name, rest) = domain.split_once('.').unwrap_or((domain, "example"));
    let last = name.chars().next_back().unwrap_or('x');
    format!("{local}@{name}{last}.{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imitated_domain_is_one_letter_off() {
        assert_eq!(imitated("jane.doe@corp.example"), "jane.doe@corpp.example");
        assert_eq!(imitated("jane"), "jane@corpp.example");
    }
}
