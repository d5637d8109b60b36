//! Queries over the socket: the same reader, the same answers as a mapped client's.

use persondb_data::message::Message;
use persondb_data::segment::{Hits, LookupError, Scope, to_people};
use persondb_protocol::answer::{Answer, DomainFact, Person, Reason, Unavailable};
use persondb_protocol::control::{
    KEY_SIZE_MAX, NAME_SIZE_MAX, PEOPLE_COUNT_MAX, Refusal, RefusalKind, Reply, Request,
};
use persondb_protocol::matching::{MatchAnswer, MatchMessage, MatchOptions};

use crate::served::Served;

/// Answers a query; `None` for requests that are no queries.
#[must_use]
pub(super) fn answer(request: &Request, current: Option<&Served>) -> Option<Reply> {
    Some(match request {
        Request::Get { address, tenant } => {
            let limits = [("address", address.len(), KEY_SIZE_MAX), tenant_limit(tenant.as_deref())];
            people(current, &limits, |served| served.segment().get(address, scope(tenant.as_deref())))
        }
        Request::Person { person_id, tenant } => {
            let limits = [("person_id", person_id.len(), KEY_SIZE_MAX), tenant_limit(tenant.as_deref())];
            people(current, &limits, |served| served.segment().person(person_id, scope(tenant.as_deref())))
        }
        Request::Name { tenant, full_name, limit } => {
            let limits = [("name", full_name.len(), NAME_SIZE_MAX), tenant_limit(Some(tenant))];
            // A limit of 0 would make everybody absent.
            let count = (*limit).clamp(1, PEOPLE_COUNT_MAX) as usize;
            people(current, &limits, |served| served.segment().by_name(tenant, full_name, count))
        }
        Request::Domain { domain } => Reply::Domains(domains(current, domain)),
        Request::Match { message, options } => {
            let answer = options.check().and_then(|()| evidence(checked(current, &[])?, message, options));
            Reply::Match(answer.unwrap_or_else(MatchAnswer::Unavailable))
        }
        _ => return None,
    })
}

/// What is said when an answer does not fit into a frame.
#[must_use]
pub(super) fn too_large(reply: &Reply) -> Reply {
    let unavailable = Unavailable::new(
        Reason::OverLimit,
        "the answer is larger than a frame; ask with a tenant or a limit",
    );
    match reply {
        Reply::Domains(_) => Reply::Domains(Answer::Unavailable(unavailable)),
        Reply::People(_) => Reply::People(Answer::Unavailable(unavailable)),
        Reply::Match(_) => Reply::Match(MatchAnswer::Unavailable(unavailable)),
        // Lists and states: an answer of another kind would be no answer to them.
        _ => Reply::Refused(Refusal {
            kind: RefusalKind::OverLimit,
            message: "the answer is larger than a frame; look at the daemon's log (SIGUSR2)".into(),
        }),
    }
}

fn scope(tenant: Option<&str>) -> Scope<'_> {
    tenant.map_or(Scope::Everywhere, Scope::Tenant)
}

fn tenant_limit(tenant: Option<&str>) -> (&'static str, usize, usize) {
    ("tenant", tenant.map_or(0, str::len), KEY_SIZE_MAX)
}

fn people<'a>(
    current: Option<&'a Served>,
    limits: &[(&str, usize, usize)],
    look_up: impl FnOnce(&'a Served) -> Result<Hits<'a>, LookupError>,
) -> Reply {
    let answer = checked(current, limits).map_or_else(Answer::Unavailable, |served| {
        let found: Result<Vec<Person>, LookupError> = look_up(served).and_then(|hits| Ok(to_people(&hits)?));
        three(served, found)
    });
    Reply::People(answer)
}

fn domains(current: Option<&Served>, domain: &str) -> Answer<Vec<DomainFact>> {
    checked(current, &[("domain", domain.len(), KEY_SIZE_MAX)])
        .map_or_else(Answer::Unavailable, |served| three(served, served.segment().domain(domain)))
}

/// What is known of a message. Clients keep its limits too; whoever does not is no better off.
fn evidence(
    served: &Served,
    message: &MatchMessage,
    options: &MatchOptions,
) -> Result<MatchAnswer, Unavailable> {
    let found = served.segment().match_message(&Message::from(message).bounded(), options);
    let evidence = found.map_err(|error| cannot_say(served, error))?;
    Ok(MatchAnswer::Matched(evidence))
}

/// Found, absent, cannot say.
fn three<T>(served: &Served, found: Result<Vec<T>, LookupError>) -> Answer<Vec<T>> {
    match found {
        Ok(found) if found.is_empty() => Answer::Absent(served.generation()),
        Ok(found) => Answer::Found(served.generation(), found),
        Err(error) => Answer::Unavailable(cannot_say(served, error)),
    }
}

fn cannot_say(served: &Served, error: LookupError) -> Unavailable {
    if let LookupError::Corrupt(error) = &error {
        tracing::error!(generation = %served.generation(), %error, "a look-up met corrupt bytes");
    }
    error.into()
}

fn checked<'a>(
    current: Option<&'a Served>,
    limits: &[(&str, usize, usize)],
) -> Result<&'a Served, Unavailable> {
    for (what, found, limit) in limits {
        if found > limit {
            let text = format!("expected a {what} of at most {limit} bytes, found {found}");
            return Err(Unavailable::new(Reason::OverLimit, text));
        }
    }
    current.ok_or_else(|| {
        Unavailable::new(
            Reason::NoGeneration,
            "the daemon has announced nothing yet; its first load runs or failed",
        )
    })
}

#[cfg(test)]
mod tests {
    use persondb_protocol::matching::MatchEvidence;

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_as_what_was_asked() {
        assert!(matches!(
            too_large(&Reply::People(Answer::Absent(persondb_protocol::Generation(1)))),
            Reply::People(Answer::Unavailable(u)) if u.reason == Reason::OverLimit
        ));
        let evidence = MatchEvidence::new(persondb_protocol::Generation(1), 1);
        assert!(matches!(
            too_large(&Reply::Match(MatchAnswer::Matched(Box::new(evidence)))),
            Reply::Match(MatchAnswer::Unavailable(u)) if u.reason == Reason::OverLimit
        ));
        for reply in
            [Reply::Clients(Vec::new()), Reply::Status(Box::default()), Reply::Generations(Vec::new())]
        {
            assert!(
                matches!(too_large(&reply), Reply::Refused(r) if r.kind == RefusalKind::OverLimit),
                "{reply:?}"
            );
        }
    }
}
