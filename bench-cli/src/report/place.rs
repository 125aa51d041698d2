//! Places that output goes to, compared as files, and written so that a failure leaves what stood there.

use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Other names of standard output, beside `-`.
const STDOUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
/// As many links are followed as the system follows.
const MOST_LINKS: usize = 40;

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard output, however it is named.
    Stdout,
    /// A regular file, there or not, at the end of all links: replaced as a whole.
    File(PathBuf),
    /// A pipe or a device: written as it is.
    Stream(PathBuf),
}

impl Place {
    pub(crate) fn of(path: &Path) -> Self {
        if is_standard(path) || STDOUT.iter().any(|name| path == Path::new(name)) {
            return Self::Stdout;
        }
        // Links below these do not lead to a name that could be replaced.
        let is_open = path.starts_with("/dev/fd") || path.starts_with("/proc");
        match fs::metadata(path) {
            Ok(there) if is_open || !(there.is_file() || there.is_dir()) => Self::Stream(path.to_owned()),
            _ => Self::File(resolved(path)),
        }
    }

    /// Whether it can be written. A file that is there keeps what it holds, and none is left behind.
    pub(super) fn check(&self) -> io::Result<()> {
        match self {
            Self::File(path) => check_file(path),
            // Opening a pipe would wait for its reader, and closing it would end what the reader waits for.
            Self::Stdout | Self::Stream(_) => Ok(()),
        }
    }

    /// Writes `bytes`, and nothing else, there.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()),
            Self::File(path) => replace(path, bytes),
            Self::Stream(path) => OpenOptions::new().write(true).truncate(true).open(path)?.write_all(bytes),
        }
    }
}

/// Whether `path` stands for standard input where it is read, and for standard output where it is written.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// What makes two places one, however they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// Device and inode.
    There(u64, u64),
    /// What is not there yet, or where the system has no such numbers: its name at the end of all links.
    Named(PathBuf),
}

impl Identity {
    /// None for what any number of outputs may share: a terminal, or a device such as `/dev/null`.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match fs::metadata(path) {
            Ok(there) => Self::of_open(&there, || resolved(path)),
            Err(_) => Some(Self::Named(resolved(path))),
        }
    }

    /// Of standard output or standard error.
    #[cfg(unix)]
    pub(super) fn of_stream(stream: &impl std::os::fd::AsFd) -> Option<Self> {
        let open = fs::File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
        Self::of_open(&open, PathBuf::new)
    }

    #[cfg(unix)]
    fn of_open(open: &Metadata, _: impl FnOnce() -> PathBuf) -> Option<Self> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        (!open.file_type().is_char_device()).then(|| Self::There(open.dev(), open.ino()))
    }

    #[cfg(not(unix))]
    fn of_open(_: &Metadata, name: impl FnOnce() -> PathBuf) -> Option<Self> {
        Some(Self::Named(name()))
    }
}

/// The absolute path that `path` leads to, through links too that lead to what is not there yet.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Ok(there) = fs::canonicalize(&path) {
            return there;
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        match (fs::read_link(&path), path.file_name()) {
            (Ok(target), _) => path = folder.join(target),
            (Err(_), Some(name)) => {
                return fs::canonicalize(folder).map_or_else(|_| path.clone(), |folder| folder.join(name));
            }
            (Err(_), None) => break,
        }
    }
    path
}

/// `path` with `ending` behind its name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Puts a file that holds `bytes` in the place of `path`: written beside it and then renamed, so that whatever fails, and
/// whenever, there stands the old file or the new one.
///
/// Where no file can be made beside it, but it can be written itself, as when it alone is mounted into a container, it is
/// written in place.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."));
    let old = fs::metadata(path).ok();
    let in_place = |error: io::Error| match &old {
        Some(old) if old.is_file() && stands_alone(&error) => fs::write(path, bytes),
        _ => Err(error),
    };
    let mut new = match neighbour(folder) {
        Ok(new) => new,
        Err(error) => return in_place(error),
    };
    new.write_all(bytes)?;
    if let Some(old) = &old {
        new.as_file().set_permissions(old.permissions())?;
    }
    // A rename that outlives a crash of the system must not do so without what was written.
    new.as_file().sync_all()?;
    new.persist(path).map(drop).or_else(|failed| in_place(failed.error))
}

/// Whether the file may be written although its folder may not be, or although no other can take its place.
fn stands_alone(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | ResourceBusy | CrossesDevices)
}

/// With the permissions that any new file has.
fn neighbour(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".bench-cli-").tempfile_in(folder)
}

fn check_file(file: &Path) -> io::Result<()> {
    if fs::metadata(file).is_ok() {
        return OpenOptions::new().write(true).open(file).map(drop);
    }
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(_) => fs::remove_file(file),
        // Another process was quicker: writing will tell.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the folder, so that a failure shows now; takes it away again if it was not there.
pub(super) fn check_folder(folder: &Path) -> io::Result<()> {
    let was_there = folder.is_dir();
    if !was_there {
        fs::create_dir(folder)?;
    }
    let trial = folder.join(format!(".trial-{}", std::process::id()));
    let tried = fs::create_dir(&trial).and_then(|()| fs::remove_dir(&trial));
    if !was_there {
        fs::remove_dir(folder)?;
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trying_a_file_neither_leaves_nor_changes_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.json");
        check_file(&file).unwrap();
        assert!(!file.exists());
        fs::write(&file, "kept").unwrap();
        check_file(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        check_file(folder.path()).unwrap_err();
    }

    #[test]
    fn trying_a_folder_leaves_none_behind() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("hgrm");
        check_folder(&inside).unwrap();
        assert!(!inside.exists());
        check_folder(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        check_folder(&inside.join("deeper")).unwrap_err();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_replaced_keeps_its_permissions_and_the_links_to_it() {
        // Broken by the neighbour's own permissions, or by a rename over the link.
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["out", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        symlink("out", &link).unwrap();
        Place::of(&link).write(b"new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        let fresh = folder.path().join("fresh");
        replace(&fresh, b"").unwrap();
        fs::write(folder.path().join("plain"), "").unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("fresh"), mode("plain"), "as the umask says");
    }

    #[cfg(unix)]
    #[test]
    fn one_file_is_one_place_however_it_is_written() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("there"), "").unwrap();
        fs::hard_link(path("there"), path("hard")).unwrap();
        symlink("there", path("soft")).unwrap();
        symlink("not-yet", path("dangling")).unwrap();
        fs::create_dir(path("sub")).unwrap();
        let same = |one: &str, other: &str| Identity::of(&path(one)) == Identity::of(&path(other));
        for (one, other) in [
            ("there", "./there"),
            ("there", "hard"),
            ("there", "soft"),
            ("there", "sub/../there"),
            ("dangling", "not-yet"),
            ("not-yet", "sub/../not-yet"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        assert!(!same("there", "not-yet") && !same("not-yet", "nor-this"));
        assert_eq!(Identity::of(Path::new("/dev/null")), None, "any number may go there");
        for name in STDOUT.into_iter().chain(["-"]) {
            assert_eq!(Place::of(Path::new(name)), Place::Stdout);
        }
        assert_eq!(Place::of(Path::new("/dev/null")), Place::Stream("/dev/null".into()));
    }
}
