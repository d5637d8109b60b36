//! A person: one row of the people file, and what the other files know of it.

/// One row of the people file, reused from row to row.
#[derive(Debug, Default, Clone)]
#[allow(clippy::struct_field_names)] // the names of the columns
pub(crate) struct Person {
    pub(crate) person_id: String,
    pub(crate) email: String,
    pub(crate) aliases: String,
    pub(crate) display_name: String,
    pub(crate) given_name: String,
    pub(crate) middle_name: String,
    pub(crate) family_name: String,
    pub(crate) suffix: String,
    pub(crate) preferred_name: String,
    pub(crate) other_names: String,
    pub(crate) personal_emails: String,
    pub(crate) title: String,
    pub(crate) department: String,
    pub(crate) manager_email: String,
    pub(crate) location: String,
    pub(crate) vip: &'static str,
    pub(crate) updated_at: String,
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) cost_centre: String,
    pub(crate) notes: String,
    /// Addresses that stand in the aliases file only.
    pub(crate) further: Vec<String>,
    /// Names in ASCII, as addresses are made from them.
    pub(crate) latin_given: String,
    pub(crate) latin_family: String,
    /// Whether another person may have the same primary address.
    pub(crate) shares_email: bool,
}

impl Person {
    /// Makes room for the next person; texts keep their memory.
    pub(crate) fn clear(&mut self) {
        for text in [
            &mut self.person_id,
            &mut self.email,
            &mut self.aliases,
            &mut self.display_name,
            &mut self.given_name,
            &mut self.middle_name,
            &mut self.family_name,
            &mut self.suffix,
            &mut self.preferred_name,
            &mut self.other_names,
            &mut self.personal_emails,
            &mut self.title,
            &mut self.department,
            &mut self.manager_email,
            &mut self.location,
            &mut self.updated_at,
            &mut self.cost_centre,
            &mut self.notes,
            &mut self.latin_given,
            &mut self.latin_family,
        ] {
            text.clear();
        }
        self.further.clear();
        self.shares_email = false;
    }
}
