//! On the disk: a whole file or none, and nothing left behind.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::replace::replace;
use super::super::{Model, StoreError, load, save, to_bytes};
use super::{f32s, metadata, small_model};

/// A folder of a test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ostinato-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn other_model() -> Model {
    Model { metadata: metadata(&[("other", "one")]), tensors: vec![f32s("w", &[1000], vec![0.5; 1000])] }
}

fn io_kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> io::ErrorKind {
    match result {
        Err(StoreError::Io(error)) => error.kind(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_saved_model_loads_and_a_second_one_replaces_it() {
    let folder = Folder::new();
    let path = folder.join("model.ostinato");
    for model in [small_model(), other_model(), small_model()] {
        save(&path, &model).unwrap();
        assert_eq!(load(&path).unwrap(), model);
        assert_eq!(fs::read(&path).unwrap(), to_bytes(&model).unwrap());
        assert_eq!(folder.names(), ["model.ostinato"]);
    }
}

#[test]
fn a_missing_folder_or_file_is_an_io_error() {
    let folder = Folder::new();
    assert_eq!(io_kind(save(&folder.join("no/model"), &small_model())), io::ErrorKind::NotFound);
    assert_eq!(io_kind(load(&folder.join("no"))), io::ErrorKind::NotFound);
    assert_eq!(io_kind(load(&folder.0)), io::ErrorKind::InvalidInput);
    assert_eq!(io_kind(save(Path::new("/"), &small_model())), io::ErrorKind::InvalidInput);
    assert!(folder.names().is_empty());
}

#[test]
fn a_folder_in_the_place_of_the_file_is_an_io_error_that_leaves_no_temporary() {
    let folder = Folder::new();
    fs::create_dir(folder.join("model")).unwrap();
    io_kind(save(&folder.join("model"), &small_model()));
    assert_eq!(folder.names(), ["model"]);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_an_io_error_that_leaves_the_old_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.join("model");
    save(&path, &small_model()).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write to it all the same.
    if File::create(folder.join("probe")).is_err() {
        assert_eq!(io_kind(save(&path, &other_model())), io::ErrorKind::PermissionDenied);
        assert_eq!(folder.names(), ["model"]);
        assert_eq!(load(&path).unwrap(), small_model());
    }
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_where_nobody_may_write_is_an_io_error() {
    io_kind(save(Path::new("/proc/model"), &small_model()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_io_error() {
    let mut full = File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(full.write_all(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    let folder = Folder::new();
    let path = folder.join("model");
    save(&path, &small_model()).unwrap();
    let result = replace(&path, |out| out.write_all(&[0; 1 << 20]).and_then(|()| full.write_all(b"x")));
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(folder.names(), ["model"]);
    assert_eq!(load(&path).unwrap(), small_model());
}

#[test]
fn a_panic_while_writing_leaves_the_old_file_and_no_temporary() {
    let folder = Folder::new();
    let path = folder.join("model");
    save(&path, &small_model()).unwrap();
    let write = |_: &mut dyn Write| panic!("in the middle");
    assert!(std::panic::catch_unwind(|| replace(&path, write)).is_err());
    assert_eq!(folder.names(), ["model"]);
    assert_eq!(load(&path).unwrap(), small_model());
}

#[test]
fn a_model_that_cannot_be_stored_leaves_the_old_file() {
    let folder = Folder::new();
    let path = folder.join("model");
    save(&path, &small_model()).unwrap();
    let mut bad = other_model();
    bad.tensors[0].bytes.pop();
    assert!(matches!(save(&path, &bad), Err(StoreError::Format(_))));
    assert_eq!(load(&path).unwrap(), small_model());
}

#[test]
fn a_damaged_file_is_refused_by_name() {
    let folder = Folder::new();
    let path = folder.join("model");
    fs::write(&path, b"short").unwrap();
    let message = load(&path).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: the file has 5 bytes", path.display())), "{message}");
}

#[test]
fn temporaries_of_dead_writers_are_swept_whatever_their_target() {
    let folder = Folder::new();
    let path = folder.join("model");
    // Taken while it is written: the name of a temporary of this target and of another.
    let name_of = |target: &str| {
        let mut seen = None;
        let note = |_: &mut dyn Write| {
            seen = folder.names().into_iter().find(|name| name.ends_with(".tmp"));
            Ok(())
        };
        replace(&folder.join(target), note).unwrap();
        seen.unwrap()
    };
    let (ours, others) = (name_of("model"), name_of("another"));
    assert!(ours.starts_with(".ostinato-") && ours.contains(&format!("-{}-", std::process::id())), "{ours}");
    for name in [&ours, &others] {
        fs::write(folder.join(name), b"half").unwrap();
    }
    save(&path, &small_model()).unwrap();
    assert_eq!(folder.names(), ["another", "model"]);
}

#[test]
fn a_temporary_of_a_living_writer_and_files_of_other_names_stay() {
    let folder = Folder::new();
    let others = [
        ".ostinato-.tmp",
        ".ostinato-0123456789abcdef-12-.tmp",
        ".ostinato-0123456789abcdef-12-ff",
        ".ostinato-0123456789abcdef-twelve-ff.tmp",
        ".ostinato-0123456789abcdeg-12-ff.tmp",
        ".ostinato-notes-12-ff.tmp",
        "ostinato-0123456789abcdef-12-ff.tmp",
    ];
    for name in others {
        fs::write(folder.join(name), b"mine").unwrap();
    }
    let mut during = Vec::new();
    let inner = |_: &mut dyn Write| {
        // The outer writer holds its lock.
        save(&folder.join("inner"), &small_model()).unwrap();
        during = folder.names();
        Ok(())
    };
    replace(&folder.join("outer"), inner).unwrap();
    assert_eq!(during.len(), others.len() + 2, "{during:?}");
    let mut expected = [others.as_slice(), &["inner", "outer"]].concat();
    expected.sort();
    assert_eq!(folder.names(), expected);
}

#[cfg(unix)]
#[test]
fn a_socket_is_not_replaced_also_through_a_link() {
    use std::os::unix::fs::FileTypeExt;
    let folder = Folder::new();
    let socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    std::os::unix::fs::symlink("socket", folder.join("link")).unwrap();
    for name in ["socket", "link"] {
        assert_eq!(io_kind(save(&folder.join(name), &small_model())), io::ErrorKind::InvalidInput);
        assert!(fs::metadata(folder.join(name)).unwrap().file_type().is_socket());
    }
    assert_eq!(folder.names(), ["link", "socket"]);
    drop(socket);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_replaced() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
    save(&folder.join("link"), &small_model()).unwrap();
    assert_eq!(load(&folder.join("link")).unwrap(), small_model());
}

#[test]
fn writers_of_the_same_target_do_not_disturb_each_other() {
    let folder = Folder::new();
    let path = folder.join("model");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let model = if writer % 2 == 0 { small_model() } else { other_model() };
                (0..25).for_each(|_| save(path, &model).unwrap());
            });
        }
        for _ in 0..100 {
            if path.exists() {
                let model = load(&path).unwrap();
                assert!(model == small_model() || model == other_model());
            }
        }
    });
    assert_eq!(folder.names(), ["model"]);
}

#[test]
fn a_name_as_long_as_the_system_allows_can_be_saved() {
    let folder = Folder::new();
    let name = "n".repeat(255);
    save(&folder.join(&name), &small_model()).unwrap();
    assert_eq!(folder.names(), [name]);
}

#[cfg(unix)]
#[test]
fn a_link_is_kept_and_its_target_replaced() {
    let folder = Folder::new();
    fs::create_dir(folder.join("far")).unwrap();
    save(&folder.join("far/model"), &small_model()).unwrap();
    std::os::unix::fs::symlink("far/model", folder.join("link")).unwrap();
    save(&folder.join("link"), &other_model()).unwrap();
    assert!(fs::symlink_metadata(folder.join("link")).unwrap().is_symlink());
    assert_eq!(load(&folder.join("far/model")).unwrap(), other_model());
}

#[cfg(unix)]
#[test]
fn the_mode_of_the_file_follows_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    save(&folder.join("model"), &small_model()).unwrap();
    File::create(folder.join("plain")).unwrap();
    let mode = |name| fs::metadata(folder.join(name)).unwrap().permissions().mode();
    assert_eq!(mode("model"), mode("plain"));
}
