//! One person whose row is open: several values read one after the other, each where that costs least.
//!
//! A [`PersonRef`] is small and opens the row anew for each value, which is right for whoever reads one or two. A
//! match reads seven of everybody it tells of, and names of hundreds it does not: here the row is opened once, what
//! stands in a dictionary is read there, and the rest is put together in buffers that stay.

use std::cell::Cell;

use persondb_protocol::answer::{AccountStatus, Kind, Matched};
use persondb_protocol::matching::{MatchedField, PartyPerson};

use super::column::short::ShortText;
use super::meta::Columns;
use super::rows::RowRef;
use super::{Corrupt, PersonRef};
use crate::input::{self, Canonical, values};
use crate::normalize::names::Reach;

/// Where values are put together that stand nowhere as they are: one for each thread, kept between messages.
#[derive(Debug)]
struct Buffers {
    short: ShortText,
    long: Vec<u8>,
    texts: Texts,
}

/// Buffers that have grown beyond this are not kept.
const KEPT_MAX: usize = 64 << 10;

/// Runs `work` with the thread's buffers, or with new ones where they are in use.
fn with_buffers<R>(work: impl FnOnce(&mut Buffers) -> R) -> R {
    thread_local! {
        static KEPT: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
    }
    let mut buffers = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_else(|| Box::new(Buffers::new()));
    let result = work(&mut buffers);
    if buffers.capacity() <= KEPT_MAX {
        // A thread that ends has no place for them any more; then they are freed.
        let _ = KEPT.try_with(|kept| kept.set(Some(buffers)));
    }
    result
}

impl Buffers {
    fn new() -> Self {
        Self { short: ShortText::new(), long: Vec::new(), texts: Texts::default() }
    }

    fn capacity(&self) -> usize {
        let Texts { display_name, first, family } = &self.texts;
        self.long.capacity() + display_name.capacity() + first.capacity() + family.capacity()
    }
}

/// One person whose row is open.
#[derive(Debug)]
pub(crate) struct OpenPerson<'a, 'b> {
    row: RowRef<'a>,
    columns: &'a Columns,
    buffers: &'b mut Buffers,
}

impl PersonRef<'_> {
    /// Runs `work` with the row open. Nothing is allocated once the thread's buffers are large enough.
    pub(crate) fn opened<R>(
        &self,
        work: impl FnOnce(&mut OpenPerson<'_, '_>) -> Result<R, Corrupt>,
    ) -> Result<R, Corrupt> {
        let (row, columns) = (self.row()?, self.schema());
        with_buffers(|buffers| work(&mut OpenPerson { row, columns, buffers }))
    }

    /// The owned form of a person behind an address, with the primary address if it is at hand, and the name that
    /// `tenant_of` gives for the code of a tenant.
    pub(crate) fn told_as_party<'t>(
        &self,
        matched: Matched,
        email: Option<String>,
        tenant_of: impl FnOnce(u32) -> Result<&'t str, Corrupt>,
    ) -> Result<PartyPerson, Corrupt> {
        self.opened(|person| {
            let email = email.map_or_else(|| person.email(), Ok)?;
            let person_id = person.first(Canonical::PersonId, |id| trimmed(id).to_owned())?;
            Ok(PartyPerson {
                tenant_id: tenant_of(person.row.run()?.tenant)?.to_owned(),
                person_id: if person_id.is_empty() { email.clone() } else { person_id },
                email,
                display_name: person.first(Canonical::DisplayName, str::to_owned)?,
                matched,
                vip: person.vip()?,
                kind: person.kind()?,
                status: person.status()?,
            })
        })
    }
}

impl OpenPerson<'_, '_> {
    /// Calls `visit` with every name of the person and where it is from: those that
    /// [`for_each_name`](super::for_each_name) gives, in its order.
    pub(crate) fn each_name(&mut self, mut visit: impl FnMut(MatchedField, &str)) -> Result<(), Corrupt> {
        // Taken out while they are in use, for the buffers are.
        let mut texts = std::mem::take(&mut self.buffers.texts);
        let result = self.each_name_in(&mut texts, &mut visit);
        self.buffers.texts = texts;
        result
    }

    fn each_name_in(
        &mut self,
        texts: &mut Texts,
        visit: &mut impl FnMut(MatchedField, &str),
    ) -> Result<(), Corrupt> {
        let Texts { display_name, first, family } = texts;
        let display_place = self.copy(Canonical::DisplayName, display_name)?;
        visit(MatchedField::DisplayName, display_name);
        let is_given_family = display_place.is_some_and(|place| self.is_given_family(place, display_name));
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
                visit(field, first);
            }
        }
        let separator = self.columns.separator(Canonical::OtherNames);
        for &place in self.columns.places(Canonical::OtherNames) {
            for name in values::texts(self.value(place)?, separator) {
                visit(MatchedField::OtherNames, name);
            }
        }
        Ok(())
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
        self.word(Canonical::Kind, (b"person", Kind::Person), input::kind_of_word)
    }

    /// 0 to 3.
    fn vip(&mut self) -> Result<u8, Corrupt> {
        self.word(Canonical::Vip, (b"false", input::Vip::default()), input::Vip::of_word)
            .map(input::Vip::level)
    }

    fn status(&mut self) -> Result<AccountStatus, Corrupt> {
        self.word(Canonical::Status, (b"active", AccountStatus::Active), input::status_of_word)
    }

    /// Primary address, as [`PersonRef::email`] tells it.
    fn email(&mut self) -> Result<String, Corrupt> {
        let columns = self.columns;
        for &place in columns.places(Canonical::Email) {
            let address = columns.primary_address(place, self.value(place)?);
            if !address.is_empty() {
                return Ok(address.to_owned());
            }
        }
        Ok(String::new())
    }

    /// Whether the display name says of itself that it is given and family name, so that they need not be read.
    fn is_given_family(&self, place: u16, display_name: &str) -> bool {
        let is_only = |column| self.columns.places(column).len() == 1;
        // Of a name that is too long nothing is in it: then a blank is at one end.
        trimmed(display_name).len() == display_name.len()
            && is_only(Canonical::GivenName)
            && is_only(Canonical::FamilyName)
            && self.row.is_given_family(usize::from(place))
    }

    /// Copies the first value of this meaning that is not blank to `out`, and says where it stands.
    fn copy(&mut self, column: Canonical, out: &mut String) -> Result<Option<u16>, Corrupt> {
        out.clear();
        for &place in self.columns.places(column) {
            let value = self.value(place)?;
            if !trimmed(value).is_empty() {
                out.push_str(value);
                return Ok(Some(place));
            }
        }
        Ok(None)
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

    fn value(&mut self, place: u16) -> Result<&str, Corrupt> {
        utf8(self.bytes(place)?)
    }

    #[inline]
    fn bytes(&mut self, place: u16) -> Result<&[u8], Corrupt> {
        self.row.value(usize::from(place), &mut self.buffers.short, &mut self.buffers.long)
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
    std::str::from_utf8(bytes).map_err(|_| Corrupt::new("a value is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use persondb_protocol::Generation;
    use proptest::prelude::*;

    use crate::builder::{BuildOptions, build};
    use crate::input::InputSpec;
    use crate::segment::Segment;

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
                let reach = person.opened(|person| {
                    person.each_name(|field, name| opened.push((field, name.to_owned())))?;
                    person.reach()
                });
                prop_assert_eq!(opened, all);
                prop_assert_eq!(Some(reach.unwrap()), far);
            }
        }
    }
}
