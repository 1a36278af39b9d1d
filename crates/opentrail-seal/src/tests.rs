use super::*;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const CONTEXT: &[(&str, &str)] = &[("account", "123456789012"), ("user", "alice")];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

#[test]
fn opens_only_for_the_same_purpose_and_context() {
    let seal = Seal::ephemeral();
    let sealed = seal.seal("token", CONTEXT, b"secret").expect("sealed");
    assert_eq!(sealed.len(), 6 + OVERHEAD_BYTES);
    let opens = |purpose: &str, context: &[(&str, &str)]| seal.open(purpose, context, &sealed).map(|text| text.to_vec()).ok();
    assert_eq!(opens("token", CONTEXT), Some(b"secret".to_vec()));
    assert_eq!(opens("token", &[CONTEXT[1], CONTEXT[0]]), Some(b"secret".to_vec()), "the order has no meaning");
    assert_eq!(opens("tokens", CONTEXT), None);
    assert_eq!(opens("token", &CONTEXT[..1]), None);
    assert_eq!(opens("token", &[("account", "123456789012"), ("user", "bob")]), None);
    assert_eq!(opens("token", &[("account", "123456789012user"), ("", "alice")]), None);
    assert!(matches!(Seal::ephemeral().open("token", CONTEXT, &sealed), Err(SealError::UnknownKey { .. })));
    assert!(matches!(seal.open("token", CONTEXT, &[9, 1]), Err(SealError::UnknownFormat { version: 9 })));
    let large = vec![0; MAX_PLAINTEXT_BYTES + 1];
    assert!(matches!(seal.seal("token", CONTEXT, &large), Err(SealError::TooLarge { .. })));
}

proptest! {
    #[test]
    fn any_altered_byte_is_noticed(plaintext in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let seal = Seal::ephemeral();
        let mut sealed = seal.seal("p", &[], &plaintext).expect("sealed");
        prop_assert_eq!(&*seal.open("p", &[], &sealed).expect("opens"), &plaintext);
        let at = at.index(sealed.len());
        sealed[at] ^= 1u8 << bit;
        prop_assert!(seal.open("p", &[], &sealed).is_err());
        prop_assert!(seal.open("p", &[], &sealed[..at]).is_err());
    }

    #[test]
    fn arbitrary_bytes_do_not_open(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(Seal::ephemeral().open("p", &[], &bytes).is_err());
    }
}

#[test]
fn the_key_file_is_made_once_and_read_again() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("keys/root.key");
    let file = RootKeyFile::new(&path);
    let first = block_on(file.open(&Unprotected, None)).expect("made");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    let sealed = first.seal("p", CONTEXT, b"x").expect("sealed");
    let again = block_on(file.open(&Unprotected, Some(&first.key_id()))).expect("read");
    assert_eq!(&*again.open("p", CONTEXT, &sealed).expect("opens"), b"x");

    let RotatedTo(id) = block_on(file.rotate(&Unprotected)).expect("rotated");
    let rotated = block_on(file.open(&Unprotected, Some(&first.key_id()))).expect("read");
    assert_eq!(rotated.key_id(), id);
    assert_ne!(first.key_id(), id);
    assert_eq!(&*rotated.open("p", CONTEXT, &sealed).expect("old ones open"), b"x");

    fs::remove_file(&path).expect("removed");
    assert!(matches!(block_on(file.open(&Unprotected, Some(&id))), Err(SealError::Missing { .. })));
    assert!(!path.exists(), "no new key takes the place of a lost one");
}

#[test]
fn a_passphrase_wraps_what_was_unprotected() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("root.key");
    let file = RootKeyFile::new(&path);
    let id = block_on(file.open(&Unprotected, None)).expect("made").key_id();
    let plain = fs::read_to_string(&path).expect("there");
    let wrapper = PassphraseWrapper::quick("correct horse battery");
    assert_eq!(block_on(file.open(&wrapper, Some(&id))).expect("wrapped").key_id(), id);
    let wrapped = fs::read_to_string(&path).expect("there");
    assert!(plain.contains("\"none\"") && wrapped.contains("\"passphrase\"") && !wrapped.contains("\"none\""));
    assert_eq!(block_on(file.open(&wrapper, Some(&id))).expect("opens").key_id(), id);
    let wrong = PassphraseWrapper::quick("wrong horse battery");
    assert!(matches!(block_on(file.open(&wrong, None)), Err(SealError::Wrap(WrapError::Refused))));
    assert!(matches!(block_on(file.open(&Unprotected, None)), Err(SealError::OtherProtection { .. })));
    assert!(PassphraseWrapper::new("short".to_owned().into()).is_err());
}

#[test]
fn damaged_files_are_refused() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("root.key");
    let file = RootKeyFile::new(&path);
    let id = block_on(file.open(&Unprotected, None)).expect("made").key_id();
    let other = "0".repeat(16);
    let renamed = fs::read_to_string(&path).expect("there").replace(&id, &other);
    for text in ["", "{}", r#"{"format":"opentrail-root-keys-1","keys":[]}"#, &renamed] {
        fs::write(&path, text).expect("written");
        assert!(block_on(file.open(&Unprotected, None)).is_err(), "{text}");
    }
}
