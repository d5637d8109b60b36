//! Where the control socket can be, in order. The daemon takes the first place it can create, a client the
//! first that answers, so both have to walk the same list. A pure function: the caller brings the environment.

use std::path::{Path, PathBuf};

use crate::DatasetName;

/// Folder of the control sockets of a machine's service.
pub const SYSTEM_FOLDER: &str = "/run/persondb";

/// Places of the control socket of `name`, most official first: the system's folder, the user's runtime
/// folder (`$XDG_RUNTIME_DIR`, when set), and a folder in the temporary directory that is private to `uid`.
///
/// The last one is created with mode 0700 by the daemon. A client has to check that it belongs to `uid`
/// before it trusts what it finds there: anybody may create that name first.
///
/// ```
/// use persondb_protocol::{DatasetName, places::socket_places};
/// let name = DatasetName::new("eu").unwrap();
/// let places = socket_places(&name, Some("/run/user/7".as_ref()), "/tmp".as_ref(), 7);
/// let places: Vec<_> = places.iter().map(|p| p.to_str().unwrap()).collect();
/// assert_eq!(places, ["/run/persondb/eu.sock", "/run/user/7/persondb/eu.sock", "/tmp/persondb-7/eu.sock"]);
/// ```
#[must_use]
pub fn socket_places(
    name: &DatasetName,
    runtime_folder: Option<&Path>,
    temporary_folder: &Path,
    uid: u32,
) -> Vec<PathBuf> {
    let file = format!("{name}.sock");
    let mut places = vec![Path::new(SYSTEM_FOLDER).join(&file)];
    // A relative or empty XDG_RUNTIME_DIR is to be ignored, says the XDG base directory specification.
    places.extend(runtime_folder.filter(|f| f.is_absolute()).map(|f| f.join("persondb").join(&file)));
    places.push(private_folder(temporary_folder, uid).join(&file));
    places
}

/// The folder in the temporary directory that is private to `uid`.
#[must_use]
pub fn private_folder(temporary_folder: &Path, uid: u32) -> PathBuf {
    temporary_folder.join(format!("persondb-{uid}"))
}
