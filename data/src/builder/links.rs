//! Colleagues that rows name by address (managers): each becomes a *link*, a small code within the tenant.
//!
//! The first pass gathers which addresses are named and which rows have an address that can be linked to;
//! between the passes they are joined. Nothing of the text is kept: an address is known by two 64-bit hashes
//! of different seeds, and the last pass compares them with the person that is linked to, so a wrong link
//! takes a collision of 96 bits.

use hashbrown::{HashSet, HashTable};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::BuildError;
use super::ranks::RunsForm;
use super::rows::{RowNumber, Rows};
use crate::segment::column::bits::width_of;
use crate::segment::{KeyEntry, KeyHasher};

/// In a key entry's number: the key is the row's primary address, and the address in lower case is the key.
pub(super) const PRIMARY: u32 = 1 << 31;

/// An address that somebody names: 20 bytes, as there are millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C, packed(4))]
pub(super) struct Named {
    /// Hash of its lower case as a key of the address index.
    key: u64,
    /// Hash of it as written.
    check: u64,
    /// Twice the tenant, and whether it is written in lower case.
    tenant_and_case: u32,
}

const _: () = assert!(size_of::<Named>() == 20);

/// What the first pass gathers of addresses that name and are named.
#[derive(Default)]
pub(super) struct LinkCounts {
    named: HashSet<Named>,
    last: Option<Named>,
    /// Hash as written and row of primary addresses that are not in lower case.
    capitals: Vec<(u64, RowNumber)>,
}

impl LinkCounts {
    /// A row names this address.
    pub(super) fn name(&mut self, hasher: KeyHasher, tenant: u32, address: &str) {
        let named = Named::new(hasher, tenant, address);
        if self.last != Some(named) {
            self.last = Some(named);
            self.named.insert(named);
        }
    }

    /// A row has this primary address; tells whether it can be found by the hash of its key alone.
    pub(super) fn has(&mut self, hasher: KeyHasher, row: RowNumber, address: &str, key: &[u8]) -> bool {
        if address.len() != key.len() || !address.as_bytes().eq_ignore_ascii_case(key) {
            return false;
        }
        if address.as_bytes() != key {
            self.capitals.push((check(hasher, address), row));
        }
        true
    }

    /// Takes over what a batch gathered, whose tenants and rows have these numbers here.
    pub(super) fn append(&mut self, batch: Self, codes: &[u32], first_row: RowNumber) {
        let code = |tenant: u32| codes.get(tenant as usize).copied().unwrap_or_default();
        self.named.extend(batch.named.into_iter().map(|named| named.of_tenant(code(named.tenant()))));
        self.capitals.extend(batch.capitals.into_iter().map(|(hash, row)| (hash, row + first_row)));
    }
}

impl Named {
    fn new(hasher: KeyHasher, tenant: u32, address: &str) -> Self {
        let mut lower = [0; 256];
        let is_lower = !address.bytes().any(|byte| byte.is_ascii_uppercase());
        let key = match lower.get_mut(..address.len()) {
            Some(lower) if !is_lower => {
                lower.copy_from_slice(address.as_bytes());
                lower.make_ascii_lowercase();
                hasher.address(lower)
            }
            _ => hasher.address(address.as_bytes()),
        };
        Self { key, check: check(hasher, address), tenant_and_case: tenant << 1 | u32::from(is_lower) }
    }

    /// Tenants are fewer than people, so their codes are below 2^31.
    fn tenant(self) -> u32 {
        self.tenant_and_case >> 1
    }

    fn is_lower(self) -> bool {
        self.tenant_and_case & 1 == 1
    }

    fn of_tenant(self, tenant: u32) -> Self {
        Self { tenant_and_case: tenant << 1 | self.tenant_and_case & 1, ..self }
    }
}

/// One key of tenant and address.
fn code_key(tenant: u32, check: u64) -> u64 {
    check ^ u64::from(tenant).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Half of a hash, beside all of another one.
fn key_part(key: u64) -> u32 {
    let [.., a, b, c, d] = key.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn check(hasher: KeyHasher, address: &str) -> u64 {
    xxh3_64_with_seed(address.as_bytes(), hasher.address(b"link"))
}

/// The links of all tenants.
pub(super) struct Links {
    form: Form,
    /// Place of each tenant's first link among all links, and of the one behind the last.
    first: Vec<u32>,
    codes: HashTable<Link>,
    /// Slots of the table for each link, with [`SCALE_BITS`] bits behind the point.
    scale: u64,
    /// A bit for each person: whether somebody is linked to them.
    are_targets: Vec<u64>,
}

/// What the code of a link is, within the tenant.
enum Form {
    /// A place among the tenant's links, each of which says whose it is: ordinal × 2 + whether the address is in lower
    /// case where the person's is not.
    Table(Vec<u32>),
    /// The rank of the person.
    Ranks(LinkRanks),
}

/// Links that are ranks: no table to read on the way to the colleague's row.
pub(super) struct LinkRanks {
    /// First ordinal of each tenant.
    starts: Vec<u32>,
    /// People of the largest tenant.
    largest: u32,
    /// Whether addresses are named in lower case, whatever the person's is.
    pub(super) are_lower: bool,
    /// Of all links: for people to look at.
    pub(super) count: usize,
}

/// Of 2³¹ links, for each of which there are less than three slots, the product has 57 bits.
const SCALE_BITS: u32 = 24;

/// A named address and the person who has it.
struct Found {
    tenant: u32,
    ordinal: u32,
    named: Named,
    /// Whether it is in lower case where the person's is not.
    is_lowered: bool,
}

impl Found {
    /// Whether the other one names the same person by another address in lower case, where there is only one.
    fn is_other_address_of(&self, other: &Self) -> bool {
        let are_lower = self.named.is_lower() && other.named.is_lower();
        are_lower
            && (self.tenant, self.ordinal) == (other.tenant, other.ordinal)
            && self.named.check != other.named.check
    }
}

/// A link where it is found by the address.
#[derive(Clone, Copy)]
struct Link {
    /// Its [`code_key`].
    code_key: u64,
    /// A part of the key's hash.
    key: u32,
    /// Place in the table; where codes are ranks, the ordinal.
    number: u32,
}

impl Links {
    /// Joins named addresses with the rows that have them. `addresses` are sorted and still marked [`PRIMARY`]; `runs`
    /// are first ordinal and tenant of each run.
    ///
    /// # Errors
    /// [`BuildError::HashCollision`] when two addresses lead to one person by the same hash.
    pub(super) fn new(
        counts: LinkCounts,
        addresses: &[KeyEntry],
        rows: &Rows,
        tenant_of: impl Fn(RowNumber) -> u32,
        (runs, tenant_count): (&[(u32, u32)], usize),
        people: usize,
    ) -> Result<Self, BuildError> {
        let mut found = found(counts, addresses, rows, tenant_of);
        found.sort_unstable_by_key(|found| {
            (found.tenant, found.ordinal, found.named.is_lower(), found.named.check)
        });
        if found.array_windows().any(|[one, next]| one.is_other_address_of(next)) {
            return Err(BuildError::HashCollision);
        }
        let ranks = LinkRanks::new(runs, tenant_count, people as u64, &found);
        let mut first = vec![0];
        let mut are_targets = vec![0_u64; people.div_ceil(64)];
        let number = |place: usize| u32::try_from(place).expect("fewer links than rows, which are capped");
        for (place, found) in found.iter().enumerate() {
            if first.len() <= found.tenant as usize {
                first.resize(found.tenant as usize + 1, number(place));
            }
            are_targets[found.ordinal as usize / 64] |= 1 << (found.ordinal % 64);
        }
        first.resize(tenant_count.max(first.len()) + 1, number(found.len()));
        let mut codes = HashTable::with_capacity(found.len());
        // Seven of eight slots are its capacity.
        let scale = (((codes.capacity() as u64 * 8 / 7) << SCALE_BITS) / (found.len() as u64).max(1)).max(1);
        let form = match ranks {
            Some(ranks) => Form::Ranks(ranks),
            None => Form::Table(
                found.iter().map(|found| found.ordinal << 1 | u32::from(found.is_lowered)).collect(),
            ),
        };
        let mut links = Self { form, first, codes: HashTable::new(), scale, are_targets };
        for (place, Found { tenant, ordinal, named, .. }) in found.iter().enumerate() {
            let number = if matches!(links.form, Form::Table(_)) { number(place) } else { *ordinal };
            let link = Link { code_key: code_key(*tenant, named.check), key: key_part(named.key), number };
            let hash = links.hash(*tenant, named.check);
            match codes.find_mut(hash, |known: &Link| known.code_key == link.code_key) {
                Some(known) => *known = link,
                // There is room for all, so nothing is hashed again.
                None => drop(codes.insert_unique(hash, link, |_| hash)),
            }
        }
        links.codes = codes;
        Ok(links)
    }

    /// The link of the address with this hash.
    fn find(&self, tenant: u32, check: u64) -> Option<&Link> {
        let code_key = code_key(tenant, check);
        self.codes.find(self.hash(tenant, check), |link| link.code_key == code_key)
    }

    /// A hash by which the links of a tenant stand side by side in the table, since they are looked up together: its
    /// low bits choose the slot, the highest ones tell what is there apart.
    fn hash(&self, tenant: u32, check: u64) -> u64 {
        const UPPER: u64 = u64::MAX << 57;
        let first = u64::from(self.first(tenant));
        let count = u64::from(self.first(tenant + 1)).saturating_sub(first);
        let among = ((check & u64::from(u32::MAX)) * count) >> 32;
        let slot = ((first + among) * self.scale) >> SCALE_BITS;
        (slot & !UPPER) | (check & UPPER)
    }

    /// Place of a tenant's first link.
    fn first(&self, tenant: u32) -> u32 {
        self.first.get(tenant as usize).copied().unwrap_or_default()
    }

    /// All links by place, where codes are places.
    pub(super) fn table(&self) -> &[u32] {
        match &self.form {
            Form::Table(table) => table,
            Form::Ranks(_) => &[],
        }
    }

    /// What is known of links that are ranks.
    pub(super) fn ranks(&self) -> Option<&LinkRanks> {
        match &self.form {
            Form::Table(_) => None,
            Form::Ranks(ranks) => Some(ranks),
        }
    }

    /// Place of a tenant's first link in [`Self::table`]; 0 where there is none.
    pub(super) fn first_place(&self, tenant: u32) -> u32 {
        if self.table().is_empty() { 0 } else { self.first(tenant) }
    }

    /// How many codes there are in one tenant at most.
    pub(super) fn code_count(&self) -> u32 {
        match &self.form {
            Form::Table(_) => most(&self.first),
            Form::Ranks(ranks) => ranks.largest,
        }
    }

    /// Code of the colleague with this address within the tenant.
    pub(super) fn code(&self, hasher: KeyHasher, tenant: u32, address: &str) -> Option<u32> {
        let named = Named::new(hasher, tenant, address);
        let link = self.find(tenant, named.check).filter(|link| link.key == key_part(named.key))?;
        let first = match &self.form {
            Form::Table(_) => self.first(tenant),
            Form::Ranks(ranks) => *ranks.starts.get(tenant as usize)?,
        };
        link.number.checked_sub(first)
    }

    fn ordinal(&self, link: &Link) -> Option<u32> {
        match &self.form {
            Form::Table(table) => table.get(link.number as usize).map(|target| target >> 1),
            Form::Ranks(_) => Some(link.number),
        }
    }

    /// Compares a person that may be linked to with those links.
    ///
    /// # Errors
    /// [`BuildError::HashCollision`] when the address is another one.
    pub(super) fn check(
        &self,
        hasher: KeyHasher,
        tenant: u32,
        ordinal: u32,
        address: &str,
    ) -> Result<(), BuildError> {
        if self.are_targets.get(ordinal as usize / 64).is_none_or(|bits| bits >> (ordinal % 64) & 1 == 0) {
            return Ok(());
        }
        let leads_here = |address: &str| {
            let link = self.find(tenant, check(hasher, address));
            link.and_then(|link| self.ordinal(link)) == Some(ordinal)
        };
        if leads_here(address) || leads_here(&address.to_ascii_lowercase()) {
            Ok(())
        } else {
            Err(BuildError::HashCollision)
        }
    }
}

impl LinkRanks {
    /// Where links can be ranks and take no more bits so: a tenant's people stand together in a long run, and no address
    /// with capitals is named as written while others are named in lower case.
    fn new(runs: &[(u32, u32)], tenant_count: usize, people: u64, found: &[Found]) -> Option<Self> {
        if found.is_empty() || !RunsForm::are_lines(runs.len(), people) {
            return None;
        }
        let mut starts = vec![u32::MAX; tenant_count];
        for &(start, tenant) in runs {
            let known = starts.get_mut(tenant as usize).filter(|known| **known == u32::MAX)?;
            *known = start;
        }
        let end = u32::try_from(people).ok()?;
        let largest = most(&runs.iter().map(|run| run.0).chain([end]).collect::<Vec<_>>());
        let of_tenant = |pair: [&Found; 2]| pair[0].tenant == pair[1].tenant;
        let links_max = found.chunk_by(|a, b| of_tenant([a, b])).map(|links| links.len() as u64).max()?;
        let in_table = people * u64::from(width_of(links_max + 2)) / 8 + 4 * found.len() as u64;
        if people * u64::from(width_of(u64::from(largest) + 2)) / 8 > in_table {
            return None;
        }
        let lowered = found.iter().filter(|found| found.is_lowered).count();
        let are_lower = lowered > 0 && found.iter().all(|found| found.named.is_lower());
        (are_lower || lowered == 0).then_some(Self { starts, largest, are_lower, count: found.len() })
    }
}

/// Most between two of them that follow each other.
fn most(ascending: &[u32]) -> u32 {
    ascending.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// The rows that have named addresses.
fn found(
    mut counts: LinkCounts,
    addresses: &[KeyEntry],
    rows: &Rows,
    tenant_of: impl Fn(RowNumber) -> u32,
) -> Vec<Found> {
    counts.capitals.sort_unstable();
    let mut capital_rows: Vec<_> = counts.capitals.iter().map(|capital| capital.1).collect();
    capital_rows.sort_unstable();
    let leads = |row: RowNumber| rows.leader(row).is_none_or(|leader| leader == row);
    let mut found = Vec::with_capacity(counts.named.len());
    let mut named: Vec<_> = std::mem::take(&mut counts.named).into_iter().collect();
    named.sort_unstable_by_key(|named| named.key);
    let mut at = 0;
    for named in named {
        // Both lists are in the order of the hashes, with gaps: skip ahead in growing steps.
        at += skipped(&addresses[at..], named.key);
        let among = addresses[at..].iter().take_while(|entry| entry.hash() == named.key);
        let mut primary = among.filter(|entry| entry.number() & PRIMARY != 0).map(|e| e.number() & !PRIMARY);
        let row = primary.find(|&row| {
            let is_capital = || {
                let from = counts.capitals.partition_point(|known| *known < (named.check, row));
                counts.capitals.get(from) == Some(&(named.check, row))
            };
            tenant_of(row) == named.tenant() && leads(row) && (named.is_lower() || is_capital())
        });
        if let Some(row) = row {
            found.push(Found {
                tenant: named.tenant(),
                ordinal: rows.ordinal(row),
                named,
                is_lowered: named.is_lower() && capital_rows.binary_search(&row).is_ok(),
            });
        }
    }
    found
}

/// Entries at the front that have a lower hash. O(log result).
fn skipped(entries: &[KeyEntry], hash: u64) -> usize {
    let mut step = 1;
    while entries.get(step).is_some_and(|entry| entry.hash() < hash) {
        step *= 2;
    }
    let from = step / 2;
    let end = (step + 1).min(entries.len());
    from.min(end) + entries[from.min(end)..end].partition_point(|entry| entry.hash() < hash)
}
