//! The data against the operator's rules, before anybody can reach it.
//!
//! A nightly export that was cut in half is well-formed; only the comparison with what is served now shows
//! it. These rules are for that kind of damage. What a single file or row gets is decided while loading.

use std::collections::HashMap;

use persondb_data::segment::{Corrupt, LookupError, Scope, Segment};
use persondb_protocol::Prefetch;

use crate::config::Rules;

/// Data that broke a rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Fewer people than there have to be.
    #[error(
        "expected at least {expected} people, found {found}; look at the export, or lower validate.people_min"
    )]
    TooFew {
        /// `people_min`.
        expected: u64,
        /// In the candidate.
        found: u64,
    },
    /// Too many people are gone.
    #[error(
        "expected at most {percent_max:.0} % fewer people than the {before} served now, found {found}; look at the export, or allow it with --allow-shrink"
    )]
    Shrunk {
        /// In the current generation.
        before: u64,
        /// In the candidate.
        found: u64,
        /// `shrink_max` in percent.
        percent_max: f64,
    },
    /// Too many people of one tenant are gone.
    #[error("tenant {tenant:?}: expected at most {percent_max:.0} % fewer people than the {before} served now, found {found}{}; look at the export, or allow it with --allow-shrink", more(*others))]
    TenantShrunk {
        /// The tenant that lost the largest part.
        tenant: String,
        /// In the current generation.
        before: u64,
        /// In the candidate.
        found: u64,
        /// `tenant_shrink_max` in percent.
        percent_max: f64,
        /// Tenants beside it that broke the rule too.
        others: usize,
    },
    /// An address that always has to be there is not.
    #[error("canary {address:?} is not found; look at the export, or correct validate.canaries")]
    CanaryMissing {
        /// The address.
        address: String,
    },
    /// The bytes do not hold together.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// A canary could not be looked up.
    #[error(transparent)]
    Lookup(#[from] LookupError),
}

/// A rule that was broken and overridden.
#[derive(Debug)]
pub struct Overridden(pub Invalid);

/// Checks `candidate` against `rules` and against what is served now.
///
/// Visits each tenant once. What shrank but was allowed to is returned, to be logged.
///
/// # Errors
/// [`Invalid`]: the candidate must not be announced.
pub fn validate<A: Prefetch, B: AsRef<[u8]>>(
    candidate: &Segment<A>,
    current: Option<&Segment<B>>,
    rules: &Rules,
) -> Result<Vec<Overridden>, Invalid> {
    let found = candidate.header().people_count.get();
    if found < rules.people_min {
        return Err(Invalid::TooFew { expected: rules.people_min, found });
    }
    for address in &rules.canaries {
        if candidate.get(address, Scope::Everywhere)?.is_empty() {
            return Err(Invalid::CanaryMissing { address: address.clone() });
        }
    }
    let mut overridden = Vec::new();
    if let Some(current) = current {
        for broken in
            [shrunk(found, current, rules), tenant_shrunk(candidate, current, rules)?].into_iter().flatten()
        {
            if !rules.allow_shrink {
                return Err(broken);
            }
            overridden.push(Overridden(broken));
        }
    }
    Ok(overridden)
}

fn shrunk<B: AsRef<[u8]>>(found: u64, current: &Segment<B>, rules: &Rules) -> Option<Invalid> {
    let before = current.header().people_count.get();
    (lost_part(before, found) > rules.shrink_max).then_some(Invalid::Shrunk {
        before,
        found,
        percent_max: rules.shrink_max * 100.0,
    })
}

fn tenant_shrunk<A: AsRef<[u8]>, B: AsRef<[u8]>>(
    candidate: &Segment<A>,
    current: &Segment<B>,
    rules: &Rules,
) -> Result<Option<Invalid>, Corrupt> {
    let now: HashMap<&str, u64> = candidate.tenants().collect::<Result<_, _>>()?;
    let mut worst: Option<(f64, &str, u64, u64)> = None;
    let mut broken = 0_usize;
    for tenant in current.tenants() {
        let (tenant, before) = tenant?;
        if before < rules.tenant_large_people {
            continue;
        }
        let found = now.get(tenant).copied().unwrap_or(0);
        let part = lost_part(before, found);
        if part > rules.tenant_shrink_max {
            broken += 1;
            if worst.is_none_or(|(most, ..)| part > most) {
                worst = Some((part, tenant, before, found));
            }
        }
    }
    Ok(worst.map(|(_, tenant, before, found)| Invalid::TenantShrunk {
        tenant: tenant.to_owned(),
        before,
        found,
        percent_max: rules.tenant_shrink_max * 100.0,
        others: broken - 1,
    }))
}

/// Part of `before` that is gone, 0 when it grew.
fn lost_part(before: u64, found: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
    let part = before.saturating_sub(found) as f64 / before.max(1) as f64;
    part
}

fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (and 1 tenant more)".into(),
        n => format!(" (and {n} tenants more)"),
    }
}
