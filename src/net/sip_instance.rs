//! Who this server is to registrars (RFC 5626 section 4.1): drawn by lot once, and kept with its data.

use std::fs;
use std::io;
use std::path::Path;

use callwright_sip::endpoint::InstanceId;
use uuid::{Builder, Uuid};

/// The file in the data folder that says so.
const FILE: &str = "sip-instance";

/// Reads who we are, or settles it. Blocks on the disk.
///
/// # Errors
/// The file cannot be read or written, or holds something else.
pub fn instance(data: &Path) -> io::Result<InstanceId> {
    let path = data.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<Uuid>() {
            Ok(uuid) => Ok(InstanceId(uuid.into_bytes())),
            Err(_) => {
                let problem = format!("{} holds no UUID: delete it, and the server draws another one", path.display());
                Err(io::Error::new(io::ErrorKind::InvalidData, problem))
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let uuid = Builder::from_random_bytes(rand::random()).into_uuid();
            // A crash leaves all of it or nothing.
            let unfinished = data.join(format!("{FILE}.new"));
            fs::write(&unfinished, format!("{uuid}\n"))?;
            fs::rename(&unfinished, &path)?;
            Ok(InstanceId(uuid.into_bytes()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_for_as_long_as_its_data_live() {
        let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let first = instance(one.path()).expect("it can be written");
        assert_eq!(instance(one.path()).expect("it can be read"), first);
        assert_ne!(instance(two.path()).expect("it can be written"), first);
        let text = fs::read_to_string(one.path().join(FILE)).expect("it is there");
        assert_eq!(format!("urn:uuid:{}", text.trim()), first.to_string());
        assert_eq!(fs::read_dir(one.path()).expect("it is there").count(), 1, "nothing else is left");
    }

    #[test]
    fn a_file_that_holds_something_else_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE), "").expect("it is written");
        let error = instance(folder.path()).expect_err("it says nothing").to_string();
        assert!(error.contains(FILE) && error.contains("delete it"), "{error}");
        assert!(instance(&folder.path().join("nowhere")).is_err());
    }
}
