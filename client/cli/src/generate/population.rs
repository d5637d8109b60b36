//! The tenants of a population, one after the other, and how large each is.
//!
//! Sizes are heavy-tailed: median 150, 99th percentile 20,000, at most 500,000.

use std::collections::HashSet;

use super::random::{Purpose, Random};
use super::tenant::Tenant;
use super::{GenerateError, GenerateOptions};

/// The most tenants that have distinct ids.
pub(crate) const TENANTS_MAX: u64 = 1 << 23;

/// A generator of the tenants of a population, in their order.
///
/// Holds the sizes and the domains that are taken: a few hundred bytes a tenant, whatever the number of people.
#[derive(Debug)]
pub(crate) struct Tenants<'a> {
    options: &'a GenerateOptions,
    sizes: std::vec::IntoIter<u64>,
    ordinal: u64,
    first: u64,
    taken: HashSet<String>,
}

impl<'a> Tenants<'a> {
    /// The tenants of `options`.
    ///
    /// # Errors
    /// If the number of tenants does not fit the number of people.
    pub(crate) fn new(options: &'a GenerateOptions) -> Result<Self, GenerateError> {
        let sizes = sizes(options)?.into_iter();
        Ok(Self { options, sizes, ordinal: 0, first: 0, taken: HashSet::new() })
    }
}

impl Iterator for Tenants<'_> {
    type Item = Tenant;

    fn next(&mut self) -> Option<Tenant> {
        let people = self.sizes.next()?;
        let tenant = Tenant::draw(self.options, self.ordinal, people, self.first, &mut self.taken);
        self.ordinal += 1;
        self.first += people;
        Some(tenant)
    }
}

/// How many people each tenant has.
fn sizes(options: &GenerateOptions) -> Result<Vec<u64>, GenerateError> {
    let people = options.people;
    let mut random = Random::new(options.seed, Purpose::Sizes, 0);
    let mut sizes = Vec::new();
    match options.tenants {
        None => {
            // No tenant is more than half of a small population.
            let largest = (people / 2).max(1);
            let mut left = people;
            while left > 0 {
                let size = size(&mut random).min(largest).min(left);
                sizes.push(size);
                left -= size;
            }
        }
        Some(0) if people == 0 => {}
        Some(tenants) if tenants == 0 || tenants > people => {
            return Err(GenerateError::Tenants { people, tenants });
        }
        Some(tenants) if tenants <= TENANTS_MAX => {
            sizes.extend((0..tenants).map(|_| size(&mut random)));
            let total: u64 = sizes.iter().sum();
            let above_one = people - tenants;
            let mut left = above_one;
            for size in &mut sizes {
                let share = u128::from(*size) * u128::from(above_one) / u128::from(total);
                let share = u64::try_from(share).expect("a share is at most the whole");
                left -= share;
                *size = 1 + share;
            }
            // Rounding leaves fewer people than tenants.
            sizes.iter_mut().zip(0..left).for_each(|(size, _)| *size += 1);
        }
        Some(_) => {}
    }
    if sizes.len() as u64 > TENANTS_MAX || options.tenants > Some(TENANTS_MAX) {
        return Err(GenerateError::TooManyTenants);
    }
    Ok(sizes)
}

/// The size of one tenant: a log-normal's quantiles (median 150, σ 2.1) in ever finer steps.
fn size(random: &mut Random) -> u64 {
    const MOST: [u64; 10] = [3, 10, 26, 50, 88, 150, 255, 451, 878, 2_211];
    const LARGE: [u64; 10] = [2_211, 2_503, 2_868, 3_329, 3_930, 4_745, 5_930, 7_792, 11_200, 19_850];
    const LARGEST: [u64; 11] =
        [19_850, 21_570, 23_610, 26_100, 29_300, 33_500, 39_300, 48_100, 63_200, 98_600, 500_000];
    match random.below(100) {
        0..90 => random.quantile(&MOST),
        90..99 => random.quantile(&LARGE),
        _ => random.quantile(&LARGEST),
    }
}
