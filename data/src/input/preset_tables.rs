//! The tables of [`Preset`](super::Preset). Each names the headers that the export has been seen with; what is
//! not named has no meaning and is kept as an attribute.

use super::Canonical::{
    Aliases, Department, DisplayName, Email, FamilyName, GivenName, Kind, Location, ManagerEmail, MiddleName,
    OtherNames, PersonId, PersonalEmails, PreferredName, Status, Suffix, Title, UpdatedAt,
};
use super::preset::Table;
use super::values::Separator;

/// Download and upload form differ in the columns that only one of them has (`[READ ONLY]`, `[UPLOAD ONLY]`).
/// `New Primary Email [UPLOAD ONLY]` is no address of the person yet.
pub(super) const GOOGLE: Table = Table {
    tells: &[&[&["email address [required]"], &["first name [required]", "last name [required]"]]],
    needs: &[&["emailaddress"], &["firstname", "lastname"]],
    columns: &[
        (PersonId, &["employeeid"]),
        (Email, &["emailaddress"]),
        (Aliases, &["worksecondaryemail"]),
        (GivenName, &["firstname"]),
        (FamilyName, &["lastname"]),
        (PersonalEmails, &["recoveryemail", "homesecondaryemail"]),
        (Status, &["status", "newstatus"]),
        (Title, &["employeetitle"]),
        (Department, &["department"]),
        (Location, &["buildingid"]),
        (ManagerEmail, &["manageremail"]),
    ],
    separators: &[(Aliases, Separator::Only(',')), (PersonalEmails, Separator::Only(','))],
};

/// The newer header says `id`, `officeLocation` and `mobilePhone` for `objectId`, `physicalDeliveryOfficeName`
/// and `mobile`. Without a mailbox `mail` is blank, and the sign-in name is the only address there is.
pub(super) const ENTRA: Table = Table {
    tells: &[&[&["userprincipalname"], &["displayname"], &["mail"], &["id", "objectid"]]],
    needs: &[&["userprincipalname"], &["mail"]],
    columns: &[
        (PersonId, &["objectid", "id"]),
        (Email, &["mail", "userprincipalname"]),
        (Aliases, &["proxyaddresses"]),
        (DisplayName, &["displayname"]),
        (GivenName, &["givenname"]),
        (FamilyName, &["surname"]),
        (PersonalEmails, &["alternateemailaddress"]),
        (Kind, &["usertype"]),
        (Status, &["accountenabled"]),
        (Title, &["jobtitle"]),
        (Department, &["department"]),
        (Location, &["officelocation", "physicaldeliveryofficename"]),
    ],
    separators: &[(Aliases, Separator::Typed)],
};

/// `Alias` is no address here but the name of the mailbox. Identifiers are those that are never the same for
/// two mailboxes: `ExchangeGuid` is all zeros for whoever has none.
pub(super) const EXCHANGE: Table = Table {
    tells: &[
        &[&["primarysmtpaddress"], &["emailaddresses", "recipienttypedetails", "recipienttype"]],
        &[&["emailaddresses"], &["recipienttypedetails"]],
    ],
    needs: &[&["primarysmtpaddress", "emailaddresses"]],
    columns: &[
        (PersonId, &["externaldirectoryobjectid", "guid"]),
        (Email, &["primarysmtpaddress", "emailaddresses", "windowsemailaddress"]),
        (Aliases, &["emailaddresses"]),
        (DisplayName, &["displayname", "name"]),
        (GivenName, &["firstname"]),
        (FamilyName, &["lastname"]),
        (Kind, &["recipienttypedetails", "recipienttype"]),
        (Title, &["title"]),
        (Department, &["department"]),
        (Location, &["office"]),
        (UpdatedAt, &["whenchangedutc", "whenchanged"]),
    ],
    separators: &[(Aliases, Separator::Typed)],
};

/// `userType` is whatever the organisation writes there, and `manager` a name, so neither has a meaning.
pub(super) const OKTA: Table = Table {
    tells: &[&[
        &["login"],
        &["firstname"],
        &["lastname"],
        &["email"],
        &["secondemail", "honorificprefix", "honorificsuffix", "profileurl", "managerid"],
    ]],
    needs: &[&["login"], &["email"]],
    columns: &[
        (PersonId, &["employeenumber", "id"]),
        (Email, &["email", "login"]),
        (DisplayName, &["displayname"]),
        (GivenName, &["firstname"]),
        (MiddleName, &["middlename"]),
        (FamilyName, &["lastname"]),
        (Suffix, &["honorificsuffix"]),
        (PreferredName, &["nickname"]),
        (PersonalEmails, &["secondemail"]),
        (Status, &["status", "userstatus"]),
        (Title, &["title"]),
        (Department, &["department"]),
        (UpdatedAt, &["lastupdated"]),
    ],
    separators: &[],
};

/// Reports are put together by whoever makes them, so what tells them are the names of the fields.
pub(super) const BAMBOOHR: Table = Table {
    tells: &[&[
        &["workemail"],
        &["employeeid", "employee", "eeid"],
        &["preferredname", "homeemail", "reportingto", "lastnamefirstname"],
    ]],
    needs: &[&["workemail"]],
    columns: &[
        (PersonId, &["employeeid", "employee", "employeenumber", "eeid"]),
        (Email, &["workemail"]),
        (DisplayName, &["displayname", "fullname", "lastnamefirstname"]),
        (GivenName, &["firstname"]),
        (MiddleName, &["middlename"]),
        (FamilyName, &["lastname"]),
        (PreferredName, &["preferredname", "preferredfirstname"]),
        (PersonalEmails, &["homeemail", "personalemail"]),
        (Status, &["status", "employmentstatus"]),
        (Title, &["jobtitle"]),
        (Department, &["department"]),
        (Location, &["location"]),
        (ManagerEmail, &["supervisoremail", "manageremail"]),
        (UpdatedAt, &["lastchanged", "lastupdated"]),
    ],
    separators: &[],
};

/// Attributes can have several values anywhere; `mail` then is the primary address and more. Distinguished
/// names identify no person: they change with the department. `manager` is one of them and no address.
pub(super) const LDAP: Table = Table {
    tells: &[
        &[&["cn"], &["sn"], &["mail"]],
        &[
            &["dn", "distinguishedname"],
            &["mail", "emailaddress"],
            &["cn", "uid", "samaccountname", "objectclass"],
        ],
    ],
    needs: &[&["cn", "sn", "dn", "distinguishedname", "uid", "samaccountname"], &["mail", "emailaddress"]],
    columns: &[
        (PersonId, &["employeenumber", "employeeid", "uid", "objectguid", "entryuuid", "samaccountname"]),
        (Email, &["mail", "emailaddress"]),
        (Aliases, &["mail", "proxyaddresses", "mailalternateaddress", "maillocaladdress", "mailalias"]),
        (DisplayName, &["displayname", "cn", "name"]),
        (GivenName, &["givenname"]),
        (MiddleName, &["middlename"]),
        (FamilyName, &["sn", "surname"]),
        (Suffix, &["generationqualifier"]),
        (OtherNames, &["cn"]),
        (Status, &["useraccountcontrol", "enabled"]),
        (Title, &["title"]),
        (Department, &["department", "ou"]),
        (Location, &["physicaldeliveryofficename", "l"]),
        (UpdatedAt, &["modifytimestamp", "whenchanged"]),
    ],
    separators: &[(Aliases, Separator::Typed)],
};
