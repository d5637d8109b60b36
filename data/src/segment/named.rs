//! Who may bear a name, asked for in stages: what one stage reads was on its way while others worked.
//!
//! | stage | asks for | reads |
//! |---|---|---|
//! | [`Segment::keys_of`] | | the name |
//! | [`Segment::ask_by_name`] | lines of the index, of all keys in all tenants | |
//! | [`Segment::gather_named`] | rows, and the lines that lead to their tails | lines of the index |
//! | [`Segment::people_named`] | given and family names | rows |

use std::cmp::Reverse;

use persondb_protocol::Prefetch;
use smallvec::SmallVec;

use super::evidence::those_met;
use super::rows::RowRef;
use super::{KeyHasher, LookupError, Members, PersonRef, Segment};
use crate::normalize::names::{Name, for_each_query_key};

/// Ordinals that one question about a name gathers before they are sorted.
const GATHERED_MAX: usize = 4096;

/// Keys that are asked for, in the order in which their lines are read: for each of them, each of the tenants.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    hashes: SmallVec<[u64; 32]>,
    tenants: SmallVec<[Members; 16]>,
}

/// Keys of a name, made before it is known in which tenants they are asked for; each once.
#[derive(Debug, Default)]
pub(crate) struct NameKeys {
    letters: SmallVec<[u64; 32]>,
    pairs: SmallVec<[u64; 32]>,
}

impl NameKeys {
    /// Takes the keys of another name: at most 287.
    fn fill(&mut self, name: &Name, seed: u64) {
        self.letters.clear();
        self.pairs.clear();
        for_each_query_key(name, seed, |key| {
            let keys = if key.is_pair() { &mut self.pairs } else { &mut self.letters };
            // Compared with all of them: where the same one is, which is hardly ever, cannot be foreseen.
            if !keys.iter().fold(false, |is_known, &known| is_known | (known == key.hash())) {
                keys.push(key.hash());
            }
        });
    }

    /// In the order in which to ask for them: pairs last, for thousands may share one, and would leave no room for
    /// those whose letters agree.
    fn iter(&self) -> impl Iterator<Item = u64> {
        self.letters.iter().chain(&self.pairs).copied()
    }
}

/// People by number.
pub(crate) type Ordinals = SmallVec<[u32; 64]>;

impl<B: Prefetch> Segment<B> {
    /// Makes the keys of another name.
    pub(crate) fn keys_of(&self, name: &Name, keys: &mut NameKeys) {
        keys.fill(name, self.parts().view.hasher.name_seed());
    }

    /// Asks for the lines of the index that tell who of these tenants may bear the name.
    pub(crate) fn ask_by_name(&self, keys: &NameKeys, tenants: &[u32]) -> Result<Hashes, LookupError> {
        let view = self.parts().view;
        let index = &view.name_index;
        let mut seeds = SmallVec::<[u64; 16]>::new();
        let mut asked = Hashes::default();
        for &tenant in tenants {
            seeds.push(view.hasher.tenant(self.tenant(tenant)?));
            asked.tenants.push(self.parts().members(tenant)?);
        }
        for key in keys.iter() {
            for &tenant in &seeds {
                let hash = KeyHasher::name(tenant, key);
                self.ask_for_lines(index, hash);
                asked.hashes.push(hash);
            }
        }
        Ok(asked)
    }

    /// Who stands in these lines of the index, each once, in order, at most `limit`: those who are in most of them.
    /// Asks for their rows.
    pub(crate) fn gather_named(&self, asked: &Hashes, limit: usize) -> Result<Ordinals, LookupError> {
        let parts = self.parts();
        let mut ordinals = Ordinals::new();
        for (&hash, &members) in asked.hashes.iter().zip(asked.tenants.iter().cycle()) {
            those_met(parts.candidates_in(&parts.view.name_index, (members, hash), |ordinal| {
                if ordinals.len() >= GATHERED_MAX {
                    return Err(LookupError::TooMany);
                }
                ordinals.push(ordinal.0);
                Ok(())
            }))?;
        }
        keep_nearest(&mut ordinals, limit);
        for &ordinal in &ordinals {
            self.ask_for_row(ordinal);
        }
        Ok(ordinals)
    }

    /// Those of these people who are in one of the tenants: others only share the fingerprint. Asks for their names.
    pub(crate) fn people_named(
        &self,
        ordinals: &Ordinals,
        tenants: &[u32],
    ) -> Result<SmallVec<[PersonRef<'_>; 8]>, LookupError> {
        let parts = self.parts();
        let mut people = SmallVec::new();
        for &ordinal in ordinals {
            let row = RowRef::open(parts, ordinal)?;
            if tenants.contains(&row.run()?.tenant) {
                row.ask_for_names(self.bytes());
                people.push(PersonRef::of_row(&row));
            }
        }
        Ok(people)
    }
}

/// Those who are in it most often, each once, in order.
fn keep_nearest(ordinals: &mut Ordinals, limit: usize) {
    ordinals.sort_unstable();
    if ordinals.len() > limit && ordinals.chunk_by(|a, b| a == b).count() > limit {
        let same = ordinals.chunk_by(|a, b| a == b);
        let mut by_count: Vec<(Reverse<usize>, u32)> =
            same.map(|same| (Reverse(same.len()), same[0])).collect();
        by_count.sort_unstable();
        by_count.truncate(limit);
        ordinals.clear();
        ordinals.extend(by_count.into_iter().map(|(_, ordinal)| ordinal));
        ordinals.sort_unstable();
    }
    ordinals.dedup();
}
