//! Keys and records from people files: read by the same code as the daemon reads them, so that every
//! dialect, encoding and compression is understood and a row that is rejected there is not expected here.
//!
//! What an answer has to *contain* is not taken from there: the fields are those of the row, untouched.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use persondb_data::input::values::AddressValue;
use persondb_data::input::{
    BatchPool, InputError, InputLimits, InputSpec, Mapping, PersonRow, Source, Verdict, classify,
    read_header, read_rows,
};

use super::book::{Compared, KeyBook, Random, person_hash};
use super::check::SIDES_MAX;
use super::messages::{MessageBook, Sender};

/// Seed of the sample: two tests with the same file ask for the same people.
const SEED: u64 = 0x7065_7273_6f6e_6462;

/// Reads the files of all sides: the keys, and the headers of each side.
///
/// # Errors
/// When a file is refused; the daemon would refuse it for the same reason.
pub(crate) fn read(
    sides: &[PathBuf],
    tenant: Option<&str>,
) -> Result<(KeyBook, Vec<Vec<String>>), InputError> {
    let mut book = KeyBook::new(SEED);
    let mut headers = Vec::new();
    for (side, path) in sides.iter().take(SIDES_MAX).enumerate() {
        book.begin_side();
        headers.push(read_side(path, tenant, side, &mut book)?);
    }
    Ok((book, headers))
}

/// Somebody who can be looked up, for examples and demonstrations.
#[derive(Clone, Debug)]
pub(crate) struct Somebody {
    /// Tenant.
    pub(crate) tenant: String,
    /// Primary address.
    pub(crate) email: String,
    /// First alias.
    pub(crate) alias: String,
    /// Given and family name.
    pub(crate) full_name: String,
}

/// The first person after `skip` rows who has all of a tenant, an alias, and a given and family name.
///
/// # Errors
/// As [`read`].
pub(crate) fn somebody(path: &Path, skip: u64) -> Result<Option<Somebody>, InputError> {
    let mut found = None;
    let outcome = each_person(path, None, &mut |person| {
        if person.row().row_number() > skip {
            found = as_somebody(person);
        }
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match outcome {
        Err(error) if found.is_none() => Err(error),
        _ => Ok(found),
    }
}

/// Address of the first other person in the same tenant, with an address in the same domain.
///
/// # Errors
/// As [`read`].
pub(crate) fn colleague(path: &Path, of: &Somebody) -> Result<Option<String>, InputError> {
    let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    let mut found = None;
    let outcome = each_person(path, None, &mut |person| {
        let email = person.email().filter(|email| *email != of.email && domain(email) == domain(&of.email));
        if person.tenant() == Some(&of.tenant) {
            found = email.map(str::to_owned);
        }
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match outcome {
        Err(error) if found.is_none() => Err(error),
        _ => Ok(found),
    }
}

fn as_somebody(person: &PersonRow<'_>) -> Option<Somebody> {
    Some(Somebody {
        tenant: person.tenant()?.to_owned(),
        email: person.email()?.to_owned(),
        alias: addresses(person).nth(1)?.to_owned(),
        full_name: format!("{} {}", person.given_name()?, person.family_name()?),
    })
}

/// Reads a file for messages: everybody who can be made one of.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_messages(path: &Path, tenant: Option<&str>) -> Result<MessageBook, InputError> {
    let mut book = MessageBook::new(SEED);
    let mut seen = HashSet::new();
    let mut again = HashSet::new();
    let hash = |sender: &Sender| person_hash(&sender.tenant, &sender.person_id);
    each_person(path, tenant, &mut |person| {
        let email = person.email().unwrap_or_default();
        let sender = Sender {
            tenant: person.tenant().unwrap_or_default().to_owned(),
            person_id: person.person_id().unwrap_or(email).to_owned(),
            email: email.to_owned(),
            name: person.display_name().unwrap_or_default().to_owned(),
        };
        if !seen.insert(hash(&sender)) {
            again.insert(hash(&sender));
        }
        book.person(sender);
        ControlFlow::Continue(())
    })?;
    // Of several rows of one person the daemon takes what it finds first.
    book.forget(|sender| again.contains(&hash(sender)));
    Ok(book)
}

fn read_side(
    path: &Path,
    tenant: Option<&str>,
    side: usize,
    book: &mut KeyBook,
) -> Result<Vec<String>, InputError> {
    let mut random = Random(SEED);
    let mut seen = HashSet::new();
    let mut again = HashSet::new();
    let wanted: HashMap<u64, usize> =
        book.compared_mut().iter().enumerate().map(|(i, compared)| (compared.person, i)).collect();
    let headers = each_person(path, tenant, &mut |person| {
        let hash = person_hash(person.tenant().unwrap_or_default(), person.person_id().unwrap_or_default());
        if !seen.insert(hash) {
            again.insert(hash);
        }
        let mut count = 0;
        for address in addresses(person) {
            book.address(address);
            count += 1;
        }
        let fields = || person.row().fields().map(str::to_owned).collect::<Vec<_>>();
        if side == 0 {
            let chosen = random.below(count);
            let address = addresses(person).nth(chosen).unwrap_or_default();
            book.person(|| Compared { person: hash, address: address.into(), records: vec![fields()] });
        } else if let Some(&i) = wanted.get(&hash) {
            let records = &mut book.compared_mut()[i].records;
            // The second row of a person is found out below.
            if records.len() == side {
                records.push(fields());
            }
        }
        ControlFlow::Continue(())
    })?;
    // Of several rows of one person the daemon makes one record that equals none of them.
    book.compared_mut().retain(|compared| !again.contains(&compared.person));
    Ok(headers)
}

/// The primary address first, then the aliases.
fn addresses<'a>(person: &PersonRow<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let aliases = person.aliases().filter_map(|value| match value {
        AddressValue::Address(address) => Some(address),
        _ => None,
    });
    person.email().into_iter().chain(aliases)
}

/// Everybody whom the daemon would accept from this file; gives its headers.
fn each_person(
    path: &Path,
    tenant: Option<&str>,
    each: &mut dyn FnMut(&PersonRow<'_>) -> ControlFlow<()>,
) -> Result<Vec<String>, InputError> {
    let limits = InputLimits::default();
    let source = Source::open(path, &limits)?;
    let spec = InputSpec { tenant: tenant.map(str::to_owned), ..InputSpec::default() };
    let mapping = Mapping::from_header(&read_header(&source, &limits)?, &spec)?;
    let pool = BatchPool::default();
    let mut batch_of_rows = |batch: persondb_data::input::RowBatch| {
        for row in batch.rows() {
            let person = PersonRow::new(row, &mapping);
            if matches!(classify(&person, &limits), Verdict::Accepted(_)) {
                each(&person)?;
            }
        }
        pool.put_back(batch);
        ControlFlow::Continue(())
    };
    read_rows(&source, 0, &limits, &pool, &mut batch_of_rows, &mut |_| {})?;
    Ok(mapping.headers().to_vec())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::load::keys::{Expected, KeyReader};

    const OLD: &str = "\
person_id,tenant_id,email,aliases,given_name,family_name,title
1,t,a@x.example,,Ann,Ash,clerk
2,t,b@x.example,b.b@x.example;b2@x.example,Ben,\"Ba\nker\",cook
3,t,c@x.example,,Cy,Cole,clerk
3,t,c@x.example,,Cy,Cole,again
4,t,no address,,Di,Dow,rejected
5,t,e@x.example,,Eve,East,leaves
";
    const NEW: &str = "\
person_id,tenant_id,email,aliases,given_name,family_name,title
2,t,b@x.example,b.b@x.example;b2@x.example,Ben,\"Ba\nker\",chef
1,t,a@x.example,,Ann,Ash,boss
3,t,c@x.example,,Cy,Cole,boss
";

    fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        // Enough good rows that one bad one is no reason to refuse the file.
        let filler =
            (0..200).fold(String::new(), |all, i| all + &format!("f{i},u,f{i}@y.example,,F,{i},x\n"));
        fs::write(&path, format!("{text}{filler}")).unwrap();
        path
    }

    #[test]
    fn both_records_of_a_person_are_compared_and_persons_of_several_rows_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let sides = [file(folder.path(), "a.csv", OLD), file(folder.path(), "b.csv", NEW)];
        let (book, headers) = read(&sides, None).unwrap();
        assert_eq!(headers[0], headers[1]);
        assert_eq!(headers[0][6], "title");
        let out = tempfile::tempfile().unwrap();
        let blocks = book.write(out.try_clone().unwrap(), 1.0, &mut |_| true).unwrap();
        let mut reader = KeyReader::new(out, blocks, 0).unwrap();
        let mut titles = BTreeMap::new();
        let mut asked = HashSet::new();
        for _ in 0..2000 {
            let key = reader.next_key().unwrap();
            assert_eq!(key.expected, Expected::Found);
            asked.insert(key.address.to_owned());
            let records: Vec<Vec<String>> =
                key.records().map(|fields| fields.map(str::to_owned).collect()).collect();
            if let [old, new] = &records[..] {
                assert_eq!(old[5], new[5]);
                titles.insert(old[0].clone(), (old[6].clone(), new[6].clone()));
            }
        }
        assert_eq!(titles["1"], ("clerk".into(), "boss".into()));
        assert_eq!(titles["2"], ("cook".into(), "chef".into()));
        assert!(!titles.contains_key("3"), "two rows are one record that equals none of them");
        for there in ["a@x.example", "b@x.example", "b.b@x.example", "b2@x.example", "c@x.example"] {
            assert!(asked.contains(there), "{there}");
        }
        assert!(!asked.contains("e@x.example"), "she is in the first file only");
        assert!(!asked.contains("no address"), "rejected by the daemon too");
    }

    #[test]
    fn somebody_has_all_that_can_be_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "a.csv", OLD);
        let who = somebody(&path, 0).unwrap().unwrap();
        assert_eq!((who.email.as_str(), who.alias.as_str()), ("b@x.example", "b.b@x.example"));
        assert_eq!((who.tenant.as_str(), who.full_name.as_str()), ("t", "Ben Ba\nker"));
        assert!(somebody(&path, 2).unwrap().is_none());
    }
}
