//! Colleagues that are named by their address: whatever their tenants and capitals are, the value comes back as written.

use crate::world::{File, World};

const HEADERS: [&str; 4] = ["tenant_id", "person_id", "email", "manager_email"];
const PEOPLE: usize = 4_000;
/// One of so many people is somebody's manager.
const REPORTS: usize = 4;

/// How a manager is named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    AsWritten,
    InLowerCase,
    /// In upper case, which is nobody's address as it is written.
    InUpperCase,
}

/// People of these tenants. Every other manager has capitals; `named` says how the person with a number names theirs.
fn world(tenant: impl Fn(usize) -> usize, named: impl Fn(usize) -> Named) -> World {
    let email = |number: usize| {
        let (first, address) = (number % (2 * REPORTS), format!("john.doe{number}@acme.example"));
        if first == 0 { address.replace("john", "John") } else { address }
    };
    let mut managers = std::collections::BTreeMap::new();
    for number in (0..PEOPLE).step_by(REPORTS) {
        managers.entry(tenant(number)).or_insert_with(Vec::new).push(number);
    }
    let manager = |number: usize| {
        let of_tenant = managers.get(&tenant(number)).map_or(&[][..], Vec::as_slice);
        let address = of_tenant.get(number % of_tenant.len().max(1)).map(|&manager| email(manager));
        let address = address.unwrap_or_default();
        match named(number) {
            Named::AsWritten => address,
            Named::InLowerCase => address.to_lowercase(),
            Named::InUpperCase => address.to_uppercase(),
        }
    };
    let row =
        |number| vec![format!("t{}", tenant(number)), format!("p{number}"), email(number), manager(number)];
    let rows = (0..PEOPLE).map(row).collect();
    World { files: vec![File { headers: HEADERS.to_vec(), rows }], aliases: Vec::new() }
}

/// How the column is stored, and how many values did not fit, once all people have come back.
fn stored(world: &World) -> (String, u64) {
    let segment = world.comes_back();
    let columns = segment.stored_columns();
    let column = columns.iter().find(|column| column.header.as_deref() == Some("manager_email")).unwrap();
    assert_eq!(column.store, "link");
    let (_, form) = column.detail.split_once(" by ").unwrap();
    (form.to_owned(), column.exceptions)
}

#[test]
fn a_link_is_a_rank_where_tenants_stand_together_and_addresses_are_named_alike() {
    let together = |number: usize| number / 1_000;
    let always = |named: Named| move |_: usize| named;
    assert_eq!(stored(&world(together, always(Named::AsWritten))), ("rank".into(), 0));
    assert_eq!(stored(&world(together, always(Named::InLowerCase))), ("rank, in lower case".into(), 0));
}

#[test]
fn a_link_is_a_place_in_a_table_where_tenants_come_twice_or_cases_are_mixed() {
    let twice = |number: usize| number / 500 % 4;
    assert_eq!(stored(&world(twice, |_| Named::AsWritten)), ("place in a table".into(), 0));
    let mixed = |number: usize| if number.is_multiple_of(3) { Named::InLowerCase } else { Named::AsWritten };
    assert_eq!(stored(&world(|number| number / 1_000, mixed)), ("place in a table".into(), 0));
}

#[test]
fn a_name_that_is_nobody_s_address_as_written_is_text_and_all_others_stay_ranks() {
    let named = |odd: usize| {
        move |number: usize| if number % 1_000 == odd { Named::InUpperCase } else { Named::AsWritten }
    };
    assert_eq!(stored(&world(|number| number / 1_000, named(77))), ("rank".into(), 4));
    // One manager with capitals that somebody names in lower case, and links have to say which it is.
    let once = |number: usize| if number == 40 { Named::InLowerCase } else { Named::AsWritten };
    assert_eq!(stored(&world(|number| number / 1_000, once)), ("place in a table".into(), 0));
}
