//! Look-ups by address, one or many at once: the cache misses of a batch overlap.
//!
//! A look-up waits for two lines of memory, one after the other: the bucket of its key, then the row. A batch
//! goes through its keys in stages and asks for all lines of a stage before it reads the first of them, so a
//! core has as many misses under way as it can: group prefetching (Chen, Ailamaki, Gibbons, Mowry, *Improving
//! Hash Join Performance through Prefetching*, ICDE 2004). What it works out for that it keeps for the next stage.

use persondb_protocol::Prefetch;
use persondb_protocol::answer::Matched;

use super::rows::{Leads, RowRef};
use super::{Hit, Hits, Index, LookupError, PersonRef, Probe, Scope, Segment};
use crate::normalize::{AddressKey, KeyBuffer, UsualKey, address_key};

/// Keys that are under way together: more do not fit the core's miss buffers several times over.
const BATCH_SIZE: usize = 32;

/// A key on its way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Others than usual addresses are looked up when it is their turn.
    key: UsualKey,
    hash: u64,
    probe: Probe,
    /// Of the first candidate.
    leads: Leads,
}

impl Asked {
    const NOTHING: Self = Self { key: UsualKey::new(), hash: 0, probe: Probe::NONE, leads: Leads::NONE };
}

/// What a first look says of a key. It goes through a register to where the answer is made; the answer itself, on its
/// way through memory, would be read by wider words than it was written, and waited for.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// It is the primary address of one person, with this schema, and nobody else's.
    Primary { schema: u16, ordinal: u32 },
    /// Nobody has it.
    Nobody,
    /// More than a look is needed.
    NotYet,
}

/// Where the answers of [`Segment::get_many_as`] go: to a function, or to one for each kind of answer, which makes it in
/// the form in which it is read. An answer that goes through another form is copied, and waited for.
pub trait Answers<'s> {
    /// The address at this place is that of one person, found by a first look, as nearly everybody is.
    fn sole(&mut self, place: usize, hit: Hit<'s>);
    /// Any answer.
    fn hits(&mut self, place: usize, hits: Result<Hits<'s>, LookupError>);
}

impl<'s, F: FnMut(usize, Result<Hits<'s>, LookupError>)> Answers<'s> for F {
    #[inline]
    fn sole(&mut self, place: usize, hit: Hit<'s>) {
        self(place, Ok(Hits::of_one(hit)));
    }

    #[inline]
    fn hits(&mut self, place: usize, hits: Result<Hits<'s>, LookupError>) {
        self(place, hits);
    }
}

impl<B: Prefetch> Segment<B> {
    /// Everybody with this address, in the order of MATCHING: exact and alias first; only where nobody
    /// has it literally, with the sub-address taken off or dots left out, in domains that allow it.
    ///
    /// What is no address is nobody's: the answer is empty. Expected cost: one index line for an absent
    /// address; index line, row and what the row refers to for a found one.
    ///
    /// # Errors
    /// [`LookupError`]: corrupt bytes, or too many candidates.
    #[inline]
    pub fn get(&self, address: &str, scope: Scope<'_>) -> Result<Hits<'_>, LookupError> {
        self.get_as(address, scope, |hit| Ok(Hits::of_one(hit)), |hits| hits)
    }

    /// What `sole` makes of the only person with this address, found by a first look, as nearly everybody is; else what
    /// `hits` makes of the answer of [`Self::get`]. For whoever keeps answers in another form: they are made in it.
    #[expect(clippy::inline_always, reason = "an answer that is made elsewhere is copied, and waited for")]
    #[inline(always)]
    pub fn get_as<'s, R>(
        &'s self,
        address: &str,
        scope: Scope<'_>,
        sole: impl FnOnce(Hit<'s>) -> R,
        hits: impl FnOnce(Result<Hits<'s>, LookupError>) -> R,
    ) -> R {
        let known = match scope {
            Scope::Everywhere => self.look_up(address),
            Scope::Tenant(_) => Known::NotYet,
        };
        match known {
            Known::Primary { schema, ordinal } => sole(self.primary(schema, ordinal)),
            Known::Nobody => hits(Ok(Hits::default())),
            Known::NotYet => hits(self.get_any(address, scope)),
        }
    }

    /// What a first look says of an address.
    #[inline(never)]
    fn look_up(&self, address: &str) -> Known {
        let mut usual = UsualKey::new();
        if usual.fill(address).is_none() {
            return Known::NotYet;
        }
        let Some(key) = usual.key() else { return Known::NotYet };
        let hash = self.view.hasher.address(key.bytes());
        self.ask_for_lines(&self.view.address_index, hash);
        let probe = self.probe(hash);
        if probe.is_absent() && !self.parts().may_be_looser(&key) {
            return Known::Nobody;
        }
        let mut leads = Leads::NONE;
        self.find_leads(probe, &mut leads);
        self.known_of_usual(&usual, &key, probe, &leads, Scope::Everywhere)
    }

    /// [`Self::get`] for any address, usual or not.
    #[inline(never)]
    fn get_any(&self, address: &str, scope: Scope<'_>) -> Result<Hits<'_>, LookupError> {
        let mut buffer = KeyBuffer::new();
        match address_key(address, &mut buffer) {
            Some(key) => self.get_key(&key, scope),
            None => Ok(Hits::default()),
        }
    }

    /// [`Self::get`] for a key.
    ///
    /// # Errors
    /// See [`Self::get`].
    #[inline]
    pub(crate) fn get_key(&self, key: &AddressKey<'_>, scope: Scope<'_>) -> Result<Hits<'_>, LookupError> {
        let hash = self.view.hasher.address(key.bytes());
        self.ask_for_lines(&self.view.address_index, hash);
        let probe = self.probe(hash);
        if probe.is_absent() && !self.parts().may_be_looser(key) {
            return Ok(Hits::default());
        }
        self.compare_all(key, hash, probe, scope)
    }

    /// [`Self::get`] for each of the addresses, in their order: `each` gets the place of each and its answer. Together
    /// they take a third of the time (10 million people, `tests/peers`). Nothing is allocated for usual
    /// addresses.
    pub fn get_many<'s, A: AsRef<str>>(
        &'s self,
        addresses: &[A],
        scope: Scope<'_>,
        mut each: impl FnMut(usize, Result<Hits<'s>, LookupError>),
    ) {
        self.get_many_as(addresses, scope, &mut each);
    }

    /// [`Self::get_many`] for whoever keeps answers in another form: they are made in it.
    pub fn get_many_as<'s, A: AsRef<str>>(
        &'s self,
        addresses: &[A],
        scope: Scope<'_>,
        answers: &mut impl Answers<'s>,
    ) {
        let mut asked = [Asked::NOTHING; BATCH_SIZE];
        for (number, batch) in addresses.chunks(BATCH_SIZE).enumerate() {
            let asked = &mut asked[..batch.len()];
            self.ask_for_all(batch, asked);
            for (place, (address, asked)) in batch.iter().zip(&*asked).enumerate() {
                let number = number * BATCH_SIZE + place;
                let known = match asked.key.key() {
                    Some(key) => self.known_of_usual(&asked.key, &key, asked.probe, &asked.leads, scope),
                    None => Known::NotYet,
                };
                match known {
                    Known::Primary { schema, ordinal } => answers.sole(number, self.primary(schema, ordinal)),
                    Known::Nobody => answers.hits(number, Ok(Hits::default())),
                    Known::NotYet => {
                        answers.hits(number, self.compare_asked(address.as_ref(), scope, asked));
                    }
                }
            }
        }
    }

    /// The stages before the answers, each for all keys of a batch.
    #[inline(never)]
    fn ask_for_all<A: AsRef<str>>(&self, addresses: &[A], asked: &mut [Asked]) {
        for (address, asked) in addresses.iter().zip(&mut *asked) {
            self.ask(address.as_ref(), asked);
        }
        for asked in &mut *asked {
            if asked.key.key().is_some() {
                asked.probe = self.probe(asked.hash);
            }
        }
        for asked in asked {
            self.ask_for_parts(asked.probe, &mut asked.leads);
        }
    }

    #[inline(never)]
    fn compare_asked(&self, address: &str, scope: Scope<'_>, asked: &Asked) -> Result<Hits<'_>, LookupError> {
        match asked.key.key() {
            Some(key) => self.compare_all(&key, asked.hash, asked.probe, scope),
            None => self.get_any(address, scope),
        }
    }

    #[expect(clippy::inline_always, reason = "as `known`")]
    #[inline(always)]
    fn ask(&self, address: &str, asked: &mut Asked) {
        let view = &self.view;
        asked.probe = Probe::NONE;
        if let Some(key) = asked.key.fill(address) {
            asked.hash = view.hasher.address(key.bytes());
            self.ask_for_lines(&view.address_index, asked.hash);
        }
    }

    /// Asks for what a look-up of this hash reads of an index.
    #[inline]
    pub(super) fn ask_for_lines(&self, index: &Index, hash: u64) {
        for line in index.layout.lines(hash) {
            self.bytes.prefetch(index.range.start.wrapping_add(line));
        }
    }

    /// Reads the key's line of the index, and asks for the rows of its candidates.
    #[expect(clippy::inline_always, reason = "as `known`")]
    #[inline(always)]
    pub(crate) fn probe(&self, hash: u64) -> Probe {
        let index = &self.view.address_index;
        let section = self.bytes.as_ref().get(index.range.clone()).unwrap_or_default();
        let probe = index.layout.probe(section, hash);
        if let Some(ordinal) = probe.first() {
            self.ask_for_row(ordinal);
            if let Some(ordinal) = probe.second() {
                self.ask_for_row(ordinal);
            }
        }
        probe
    }

    /// Asks for the row of a candidate, and the line that leads to the tail: both are known from the ordinal.
    #[inline]
    pub(super) fn ask_for_row(&self, ordinal: u32) {
        let view = &self.view;
        // A place that wraps is of no ordinal, and a hint to nowhere.
        let row = (ordinal as usize).wrapping_mul(view.rows.row_size).wrapping_add(view.row_bytes.start);
        self.bytes.prefetch(row);
        self.bytes.prefetch(row.wrapping_add(view.rows.row_size));
        self.bytes.prefetch(view.tail_offsets.start.wrapping_add(super::tails::line_offset(ordinal)));
    }

    /// Makes `leads` those of the first candidate.
    #[expect(clippy::inline_always, reason = "as `known`")]
    #[inline(always)]
    fn find_leads(&self, probe: Probe, leads: &mut Leads) {
        if let Some(row) = probe.first().and_then(|ordinal| RowRef::find(self.parts(), ordinal)) {
            // What is not as usual leads nowhere.
            let _ = row.find_leads(leads);
        }
    }

    /// Asks for what the answers are made of: by now their rows are here. Makes `leads` those of the first candidate.
    #[expect(clippy::inline_always, reason = "as `known`")]
    #[inline(always)]
    pub(crate) fn ask_for_parts(&self, probe: Probe, leads: &mut Leads) {
        *leads = Leads::NONE;
        let Some(ordinal) = probe.first() else { return };
        self.ask_for_parts_of(ordinal, leads);
        if let Some(ordinal) = probe.second() {
            self.ask_for_parts_of_other(ordinal);
        }
    }

    #[expect(clippy::inline_always, reason = "as `known`")]
    #[inline(always)]
    fn ask_for_parts_of(&self, ordinal: u32, leads: &mut Leads) {
        let Some(row) = RowRef::find(self.parts(), ordinal) else { return };
        match row.find_leads(leads) {
            Some(address) => row.ask_for(leads, address, &self.bytes),
            None => RowRef::ask_without_leads(self.parts(), ordinal, &self.bytes),
        }
    }

    /// Apart, for few keys have a second candidate.
    #[inline(never)]
    fn ask_for_parts_of_other(&self, ordinal: u32) {
        let mut leads = Leads::NONE;
        self.ask_for_parts_of(ordinal, &mut leads);
    }

    /// What [`Self::get`] answers for a key that was probed, with what its first candidate leads to.
    ///
    /// # Errors
    /// See [`Self::get`].
    #[inline]
    pub(crate) fn answer(
        &self,
        key: &AddressKey<'_>,
        hash: u64,
        probe: Probe,
        leads: &Leads,
        scope: Scope<'_>,
    ) -> Result<Hits<'_>, LookupError> {
        match self.known(key, probe, leads, scope) {
            Known::Primary { schema, ordinal } => Ok(Hits::of_one(self.primary(schema, ordinal))),
            Known::Nobody => Ok(Hits::default()),
            Known::NotYet => self.compare_all(key, hash, probe, scope),
        }
    }

    /// [`Self::known`] of a usual key.
    #[expect(clippy::inline_always, reason = "as `known`")]
    #[inline(always)]
    fn known_of_usual(
        &self,
        usual: &UsualKey,
        key: &AddressKey<'_>,
        probe: Probe,
        leads: &Leads,
        scope: Scope<'_>,
    ) -> Known {
        if probe.is_sole()
            && matches!(scope, Scope::Everywhere)
            && PersonRef::is_usual_primary(self.parts(), leads, usual)
        {
            return Known::Primary { schema: leads.schema, ordinal: leads.ordinal };
        }
        self.known(key, probe, leads, scope)
    }

    /// What a first look says of a key that was probed.
    #[expect(clippy::inline_always, reason = "the calls took a tenth of a look-up's instructions")]
    #[inline(always)]
    fn known(&self, key: &AddressKey<'_>, probe: Probe, leads: &Leads, scope: Scope<'_>) -> Known {
        if probe.is_absent() && !self.parts().may_be_looser(key) {
            return Known::Nobody;
        }
        if probe.is_sole()
            && matches!(scope, Scope::Everywhere)
            && let Some(schema) = PersonRef::schema_of_primary(self.parts(), leads, key)
        {
            return Known::Primary { schema, ordinal: leads.ordinal };
        }
        Known::NotYet
    }

    #[inline]
    fn primary(&self, schema: u16, ordinal: u32) -> Hit<'_> {
        Hit { person: PersonRef::from_parts(self.parts(), ordinal, schema), matched: Matched::Primary }
    }

    /// Compares the candidates with the key, and tries looser keys where nobody has it.
    fn compare_all(
        &self,
        key: &AddressKey<'_>,
        hash: u64,
        probe: Probe,
        scope: Scope<'_>,
    ) -> Result<Hits<'_>, LookupError> {
        let parts = self.parts();
        let hits = if let Some(all) = probe.all() {
            let mut hits = Hits::default();
            for ordinal in all {
                parts.compare(ordinal, key, scope, &mut hits)?;
            }
            hits.sort();
            hits
        } else {
            parts.with_address(key, hash, scope)?
        };
        if hits.is_empty() && parts.may_be_looser(key) {
            return parts.with_looser_address(key, scope);
        }
        Ok(hits)
    }
}
