//! One person whose row is open: several values read one after the other, each where that costs least.
//!
//! A [`PersonRef`] is small and opens the row anew for each value, which is right for whoever reads one or two. A
//! match reads seven of everybody it tells of, and names of hundreds it does not: here the row is opened once, what
//! stands in a dictionary is read there, and the rest is put together in buffers that stay.

use std::ops::ControlFlow;

use persondb_protocol::Text;
use persondb_protocol::answer::{AccountStatus, Kind, Matched};
use persondb_protocol::matching::{MatchedField, PartyPerson};

use super::column::short::ShortText;
use super::column::short_names::ShortNames;
use super::known_words::{Known, KnownWords};
use super::meta::Columns;
use super::rows::RowRef;
use super::{Corrupt, PersonRef};
use crate::input::{self, Canonical, values};
use crate::normalize::names::Reach;

/// Where values are put together that stand nowhere as they are: one for each thread, kept between messages.
#[derive(Debug)]
pub(crate) struct Buffers {
    short: ShortText,
    long: Vec<u8>,
    texts: Texts,
    words: KnownWords,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            short: ShortText::new(),
            long: Vec::new(),
            texts: Texts::default(),
            words: KnownWords::default(),
        }
    }
}

impl Buffers {
    /// Bytes that have been allocated.
    pub(super) fn capacity(&self) -> usize {
        let Texts { display_name, first, family } = &self.texts;
        self.long.capacity() + display_name.capacity() + first.capacity() + family.capacity()
    }
}

/// One person whose row is open.
#[derive(Debug)]
pub(crate) struct OpenPerson<'a, 'b> {
    row: RowRef<'a>,
    /// Its names, once they were looked for.
    names: ShortNames,
    columns: &'a Columns,
    buffers: &'b mut Buffers,
}

/// What is known of a person already.
#[derive(Debug, Default)]
pub(crate) struct AtHand<'n> {
    /// Primary address.
    pub(crate) email: Option<Text>,
    /// Display name as given.
    pub(crate) display_name: Option<&'n str>,
}

impl<'a> PersonRef<'a> {
    /// Opens the row. Nothing is allocated for reading it once the buffers are large enough.
    #[inline]
    pub(crate) fn open<'b>(&self, buffers: &'b mut Buffers) -> Result<OpenPerson<'a, 'b>, Corrupt> {
        let row = self.row()?;
        buffers.words.turn_to((self.segment_number(), row.schema_number()));
        Ok(OpenPerson { row, names: ShortNames::unknown(), columns: self.schema(), buffers })
    }
}

impl OpenPerson<'_, '_> {
    /// The owned form of a person behind an address, with what is at hand, and the name that `tenant_of` gives for the
    /// code of a tenant.
    pub(crate) fn told_as_party<'t>(
        &mut self,
        matched: Matched,
        at_hand: AtHand<'_>,
        tenant_of: impl FnOnce(u32) -> Result<&'t str, Corrupt>,
    ) -> Result<PartyPerson, Corrupt> {
        let email = at_hand.email.map_or_else(|| self.email(), Ok)?;
        let person_id = self.first(Canonical::PersonId, |id| Text::from(trimmed(id)))?;
        Ok(PartyPerson {
            tenant_id: tenant_of(self.row.run()?.tenant)?.into(),
            person_id: if person_id.is_empty() { email.clone() } else { person_id },
            email,
            display_name: match at_hand.display_name {
                Some(name) => name.into(),
                None => self.first(Canonical::DisplayName, |name| Text::from(name))?,
            },
            matched,
            vip: self.vip()?,
            kind: self.kind()?,
            status: self.status()?,
        })
    }

    /// Calls `visit` with every name of the person and where it is from: those that
    /// [`for_each_name`](super::for_each_name) gives, in its order, until it breaks.
    pub(crate) fn each_name(
        &mut self,
        mut visit: impl FnMut(MatchedField, &str) -> ControlFlow<()>,
    ) -> Result<(), Corrupt> {
        // Taken out while they are in use, for the buffers are.
        let mut texts = std::mem::take(&mut self.buffers.texts);
        let result = self.each_name_in(&mut texts, &mut visit);
        self.buffers.texts = texts;
        result
    }

    fn each_name_in(
        &mut self,
        texts: &mut Texts,
        visit: &mut impl FnMut(MatchedField, &str) -> ControlFlow<()>,
    ) -> Result<(), Corrupt> {
        let Texts { display_name, first, family } = texts;
        let Some(is_given_family) = self.display_name_in(display_name, visit)? else { return Ok(()) };
        let firsts = [
            (Canonical::GivenName, MatchedField::GivenFamily),
            (Canonical::PreferredName, MatchedField::PreferredFamily),
        ];
        let mut is_family_read = false;
        for (column, field) in firsts {
            let is_told = column == Canonical::GivenName && is_given_family;
            if is_told || self.columns.places(column).is_empty() {
                continue;
            }
            if !is_family_read {
                self.copy(Canonical::FamilyName, family)?;
                is_family_read = true;
            }
            self.copy(column, first)?;
            if first.is_empty() || family.is_empty() {
                continue;
            }
            // Most display names are just this.
            let behind = display_name.strip_prefix(first.as_str()).and_then(|rest| rest.strip_prefix(' '));
            if behind != Some(family.as_str()) {
                first.push(' ');
                first.push_str(family);
                if visit(field, first).is_break() {
                    return Ok(());
                }
            }
        }
        let separator = self.columns.separator(Canonical::OtherNames);
        for &place in self.columns.places(Canonical::OtherNames) {
            for name in values::texts(self.value(place)?, separator) {
                if visit(MatchedField::OtherNames, name).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Calls `visit` with the display name, and copies it to `out` if others are compared with it. Whether it is given
    /// and family name, so that they need not be read; `None` when `visit` breaks.
    fn display_name_in(
        &mut self,
        out: &mut String,
        visit: &mut impl FnMut(MatchedField, &str) -> ControlFlow<()>,
    ) -> Result<Option<bool>, Corrupt> {
        out.clear();
        let columns = self.columns;
        let is_only = |column| columns.places(column).len() == 1;
        let is_of_one_each = is_only(Canonical::GivenName) && is_only(Canonical::FamilyName);
        for &place in columns.places(Canonical::DisplayName) {
            let says_so = is_of_one_each && self.row.is_given_family(usize::from(place));
            let name = self.value(place)?;
            let text = trimmed(name);
            if !text.is_empty() {
                // Of a name that is too long nothing is in it: then a blank is at one end.
                let is_given_family = says_so && text.len() == name.len();
                if !is_given_family || !columns.places(Canonical::PreferredName).is_empty() {
                    out.push_str(name);
                }
                let goes_on = visit(MatchedField::DisplayName, name).is_continue();
                return Ok(goes_on.then_some(is_given_family));
            }
        }
        Ok(visit(MatchedField::DisplayName, "").is_continue().then_some(false))
    }

    /// How far from their name the person may still be found: what [`reach`](super::reach) says.
    pub(crate) fn reach(&mut self) -> Result<Reach, Corrupt> {
        Ok(match self.kind()? {
            Kind::Person if self.vip()? > 0 => Reach::Vip,
            Kind::Person => Reach::Usual,
            _ => Reach::Exact,
        })
    }

    /// Kind of mailbox, as [`PersonRef::kind`] tells it.
    fn kind(&mut self) -> Result<Kind, Corrupt> {
        // Behind the primary address stand names of accounts, and those of guests say so.
        for &place in self.columns.places(Canonical::Email).get(1..).unwrap_or_default() {
            if values::is_guest_name(self.value(place)?) {
                return Ok(Kind::Guest);
            }
        }
        self.known(
            Canonical::Kind,
            |words| &mut words.kind,
            |person| person.word(Canonical::Kind, (b"person", Kind::Person), input::kind_of_word),
        )
    }

    /// 0 to 3.
    fn vip(&mut self) -> Result<u8, Corrupt> {
        let vip = self.known(
            Canonical::Vip,
            |words| &mut words.vip,
            |person| person.word(Canonical::Vip, (b"false", input::Vip::default()), input::Vip::of_word),
        );
        vip.map(input::Vip::level)
    }

    fn status(&mut self) -> Result<AccountStatus, Corrupt> {
        self.known(
            Canonical::Status,
            |words| &mut words.status,
            |person| {
                person.word(Canonical::Status, (b"active", AccountStatus::Active), input::status_of_word)
            },
        )
    }

    /// Primary address, as [`PersonRef::email`] tells it.
    fn email(&mut self) -> Result<Text, Corrupt> {
        let columns = self.columns;
        for &place in columns.places(Canonical::Email) {
            let address = columns.primary_address(place, self.value(place)?);
            if !address.is_empty() {
                return Ok(address.into());
            }
        }
        Ok(Text::default())
    }

    /// Copies the first value of this meaning that is not blank to `out`.
    fn copy(&mut self, column: Canonical, out: &mut String) -> Result<(), Corrupt> {
        out.clear();
        for &place in self.columns.places(column) {
            let value = self.value(place)?;
            if !trimmed(value).is_empty() {
                out.push_str(value);
                return Ok(());
            }
        }
        Ok(())
    }

    /// What `read` makes of the first value of this meaning that is not blank.
    #[inline]
    fn first<T: Default>(&mut self, column: Canonical, read: impl FnOnce(&str) -> T) -> Result<T, Corrupt> {
        for &place in self.columns.places(column) {
            let value = self.value(place)?;
            if !trimmed(value).is_empty() {
                return Ok(read(value));
            }
        }
        Ok(T::default())
    }

    /// What a word of this meaning says: `usual` without reading it as text where it is `usual_word`.
    #[inline]
    fn word<T: Default>(
        &mut self,
        column: Canonical,
        (usual_word, usual): (&[u8], T),
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Corrupt> {
        for &place in self.columns.places(column) {
            let bytes = self.bytes(place)?;
            if bytes == usual_word {
                return Ok(usual);
            }
            let word = utf8(bytes)?.trim();
            if !word.is_empty() {
                return Ok(read(word).unwrap_or_default());
            }
        }
        Ok(T::default())
    }

    /// What `read` makes of the one column of this meaning, or made of a row with the same code.
    #[inline]
    fn known<T: Copy>(
        &mut self,
        column: Canonical,
        kept: impl Fn(&mut KnownWords) -> &mut Known<T>,
        read: impl FnOnce(&mut Self) -> Result<T, Corrupt>,
    ) -> Result<T, Corrupt> {
        let code = match self.columns.places(column) {
            [place] => self.row.word_code(*place),
            _ => None,
        };
        let Some(code) = code else { return read(self) };
        if let Some(meaning) = kept(&mut self.buffers.words).get(code) {
            return Ok(meaning);
        }
        let meaning = read(self)?;
        kept(&mut self.buffers.words).keep(code, meaning);
        Ok(meaning)
    }

    fn value(&mut self, place: u16) -> Result<&str, Corrupt> {
        let Buffers { short, long, .. } = &mut *self.buffers;
        self.row.text(place, &mut self.names, short, long)
    }

    #[inline]
    fn bytes(&mut self, place: u16) -> Result<&[u8], Corrupt> {
        let Buffers { short, long, .. } = &mut *self.buffers;
        self.row.value(usize::from(place), &mut self.names, short, long)
    }
}

/// The names that are in use together.
#[derive(Debug, Default)]
struct Texts {
    display_name: String,
    first: String,
    family: String,
}

/// Without blanks around it; nearly all values have none.
#[inline]
fn trimmed(value: &str) -> &str {
    match value.as_bytes() {
        [byte] if byte.is_ascii_graphic() => value,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => value,
        _ => value.trim(),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Corrupt> {
    smoothutf8::from_utf8(bytes).ok_or_else(|| Corrupt::new("a value is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use persondb_protocol::Generation;
    use proptest::prelude::*;

    use crate::builder::{BuildOptions, build};
    use crate::input::InputSpec;
    use crate::segment::{Segment, with_buffers};

    const HEADER: &str =
        "tenant_id,email,display_name,given_name,family_name,preferred_name,other_names,kind,vip\n";

    fn segment(rows: &[[String; 7]]) -> Segment<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        let rows = rows.iter().enumerate().map(|(number, values)| {
            let values = values.each_ref().map(|value| format!("\"{value}\"")).join(",");
            format!("acme,p{number}@acme.example,{values}\n")
        });
        std::fs::write(&path, HEADER.to_owned() + &rows.collect::<String>()).unwrap();
        let mut bytes = Vec::new();
        let spec = InputSpec { people: vec![path], ..InputSpec::default() };
        let options = BuildOptions {
            generation: Generation(1),
            load_started_boot_ns: 0,
            built_at_wall_ns: 0,
            config_digest: [0; 16],
            hash_seed: 42,
            threads: 1,
            rejects: None,
        };
        build(&spec, &options, &mut bytes, &mut |_| {}).unwrap();
        Segment::open(bytes).unwrap()
    }

    fn row() -> impl Strategy<Value = [String; 7]> {
        let of = |values: Vec<&'static str>| prop::sample::select(values).prop_map(str::to_owned);
        let name = || {
            prop_oneof![
                6 => of(vec!["Anna", "Bo", "Smith", "Li", "Jürgen", "D'Arcy", "van der Berg"]),
                1 => of(vec!["", " ", "\u{a0}", "Иван", " Ann"]),
                1 => "[A-Z][a-z]{60,70}",
            ]
        };
        let form = of(vec!["{g} {f}", "{g} {f}", "{g} {f}", "{f}, {g}", "", "  ", "{f}", " {g} {f}"]);
        let (kind, vip) = (of(vec!["person", "", "guest", "Person"]), of(vec!["false", "3", ""]));
        (name(), name(), name(), form, of(vec!["", "", "A B; C D"]), kind, vip).prop_map(
            |(given, family, preferred, form, others, kind, vip)| {
                let display_name = form.replace("{g}", &given).replace("{f}", &family);
                [display_name, given, family, preferred, others, kind, vip]
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn names_and_reach_are_those_that_the_index_was_made_of(rows in prop::collection::vec(row(), 1..80)) {
            let segment = segment(&rows);
            for person in segment.people() {
                let person = person.unwrap();
                let (mut all, mut opened, mut far) = (Vec::new(), Vec::new(), None);
                person.for_each_name(|field, name, reach| {
                    all.push((field, name.to_owned()));
                    far = Some(reach);
                }).unwrap();
                let reach = with_buffers(|kept| {
                    let mut person = person.open(&mut kept.buffers)?;
                    person.each_name(|field, name| {
                        opened.push((field, name.to_owned()));
                        ControlFlow::Continue(())
                    })?;
                    person.reach()
                });
                prop_assert_eq!(opened, all);
                prop_assert_eq!(Some(reach.unwrap()), far);
            }
        }
    }
}
