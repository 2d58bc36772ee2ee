//! Certificate files: errors, and changes while serving.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use portcullis::server::tls::{FileError, Files};
use portcullis::server::{BodyLimits, Identity};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::server::harness::{Server, eventually, limits};

const DAY: Duration = Duration::from_secs(86_400);

struct Made {
    certificate: String,
    key: String,
}

/// A self-signed certificate with this validity.
fn make(from: SystemTime, until: SystemTime) -> Made {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = from.into();
    params.not_after = until.into();
    let key = KeyPair::generate().unwrap();
    Made { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn valid() -> Made {
    let now = SystemTime::now();
    make(now - DAY, now + DAY)
}

/// A directory as kubelet creates it for a Secret: `tls.crt` and `tls.key` lead through the link `..data`, which is
/// replaced atomically.
struct Secret {
    dir: TempDir,
    version: u32,
}

impl Secret {
    fn new(made: &Made) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut secret = Self { dir, version: 0 };
        secret.swap(&made.certificate, &made.key);
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), secret.path().join(name)).unwrap();
        }
        secret
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn swap(&mut self, certificate: &str, key: &str) {
        self.version += 1;
        let version = format!("..version_{}", self.version);
        fs::create_dir(self.path().join(&version)).unwrap();
        fs::write(self.path().join(&version).join("tls.crt"), certificate).unwrap();
        fs::write(self.path().join(&version).join("tls.key"), key).unwrap();
        symlink(&version, self.path().join("..data_tmp")).unwrap();
        fs::rename(self.path().join("..data_tmp"), self.path().join("..data")).unwrap();
        if self.version > 1 {
            let old = format!("..version_{}", self.version - 1);
            fs::remove_dir_all(self.path().join(old)).unwrap();
        }
    }

    fn files(&self) -> Files {
        Files { certificate: self.path().join("tls.crt"), key: self.path().join("tls.key") }
    }
}

/// The error for a pair of files, without the directory.
fn refused(certificate: &str, key: &str) -> String {
    let secret = Secret::new(&Made { certificate: certificate.to_owned(), key: key.to_owned() });
    let error: FileError = Identity::load(secret.files()).unwrap_err();
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    message.replace(&format!("{}/", secret.path().display()), "")
}

#[test]
fn bad_files_are_refused_with_the_reason() {
    let good = valid();
    let (certificate, key) = (good.certificate.as_str(), good.key.as_str());
    let other = valid();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cut = &certificate[..certificate.len() / 2];
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, message) in [
        ("", key, "tls.crt: the file is empty, wanted a PEM section CERTIFICATE"),
        ("hello\n", key, "tls.crt: not PEM: no line -----BEGIN CERTIFICATE-----"),
        (key, key, "tls.crt: holds PRIVATE KEY, wanted a PEM section CERTIFICATE"),
        (cut, key, "tls.crt: not valid PEM: a section has no END line"),
        (certificate, "", "tls.key: the file is empty, wanted a PEM section PRIVATE KEY"),
        (certificate, certificate, "tls.key: holds CERTIFICATE, wanted a PEM section PRIVATE KEY"),
        (certificate, &encrypted, "tls.key: the key is encrypted, wanted one that is not"),
        (certificate, &other.key, "the key in tls.key is not that of the certificate in tls.crt"),
    ] {
        assert_eq!(refused(certificate, key), message);
    }
    assert!(refused(hollow, key).starts_with("tls.crt: the first certificate is malformed: "));
    let broken = key.replace("MI", "AA");
    assert!(refused(certificate, &broken).starts_with("tls.key: "));
}

#[test]
fn certificates_out_of_their_time_are_refused() {
    let epoch = SystemTime::UNIX_EPOCH;
    let old = make(epoch + DAY, epoch + 2 * DAY);
    assert_eq!(
        refused(&old.certificate, &old.key),
        "tls.crt: the certificate expired at 1970-01-03T00:00:00Z"
    );
    let early = make(epoch + 40_000 * DAY, epoch + 40_001 * DAY);
    assert_eq!(
        refused(&early.certificate, &early.key),
        "tls.crt: the certificate is not valid before 2079-07-08T00:00:00Z"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let files = Files { certificate: "/nowhere/tls.crt".into(), key: "/nowhere/tls.key".into() };
    let message = Identity::load(files).unwrap_err().to_string();
    assert!(message.starts_with("cannot read /nowhere/tls.crt: "), "{message}");
}

#[test]
fn a_bad_pair_leaves_the_old_one_and_is_reported_until_a_good_one_comes() {
    let first = valid();
    let mut secret = Secret::new(&first);
    let identity = Identity::load(secret.files()).unwrap();
    let now = SystemTime::now();
    let before = identity.status();
    assert_eq!(before.bad, None);

    identity.reload(now);
    assert_eq!(identity.status(), before);

    secret.swap(&valid().certificate, &first.key);
    identity.reload(now + DAY / 100);
    let bad = identity.status().bad.unwrap();
    assert_eq!(bad.since, now + DAY / 100);
    assert!(bad.why.contains("is not that of the certificate"), "{}", bad.why);
    secret.swap("", "");
    identity.reload(now + DAY / 50);
    let worse = identity.status().bad.unwrap();
    assert_eq!(worse.since, bad.since, "bad since the first bad pair");
    assert!(worse.why.contains("is empty"), "{}", worse.why);
    assert_eq!(identity.status().validity, before.validity);
    assert!(identity.valid(now).is_ok(), "the old one is still good");

    fs::remove_file(secret.path().join("..data")).unwrap();
    identity.reload(now);
    assert!(identity.status().bad.unwrap().why.contains("cannot read"));

    let longer = make(now - DAY, now + 9 * DAY);
    fs::remove_dir_all(secret.path().join("..version_3")).unwrap();
    secret.version = 0;
    secret.swap(&longer.certificate, &longer.key);
    identity.reload(now);
    let after = identity.status();
    assert_eq!(after.bad, None);
    assert!(after.validity.unwrap().until > before.validity.unwrap().until);
}

#[test]
fn the_wall_clock_decides_what_is_valid() {
    let now = SystemTime::now();
    let identity = Identity::load(Secret::new(&valid()).files()).unwrap();
    assert!(identity.valid(now).is_ok());
    let expired = identity.valid(now + 2 * DAY).unwrap_err();
    assert!(expired.starts_with("the certificate expired at "), "{expired}");
    let early = identity.valid(now - 2 * DAY).unwrap_err();
    assert!(early.starts_with("the certificate is not valid before "), "{early}");
}

/// A certificate from a clock slightly ahead is used once it is valid, without another change of the files.
#[test]
fn a_pair_too_early_is_taken_later() {
    let now = SystemTime::now();
    let mut secret = Secret::new(&valid());
    let identity = Identity::load(secret.files()).unwrap();
    let early = make(now + DAY / 2, now + 9 * DAY);
    secret.swap(&early.certificate, &early.key);
    identity.reload(now);
    assert!(identity.status().bad.is_some());
    identity.reload(now + DAY);
    assert_eq!(identity.status().bad, None);
    assert!(identity.valid(now + DAY).is_ok());
}

#[tokio::test]
async fn a_swap_drops_no_connection_and_new_ones_see_the_new_certificate() {
    let now = SystemTime::now();
    let (first, second) = (valid(), make(now - DAY, now + 9 * DAY));
    let mut secret = Secret::new(&first);
    let identity = Identity::load(secret.files()).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(std::sync::Arc::clone(&identity).keep_fresh(Duration::from_millis(20)));
    let mut server = Server::showing(
        std::sync::Arc::clone(&identity),
        first.certificate.clone(),
        limits(),
        BodyLimits::default(),
    )
    .await;
    let mut old = server.connect().await;
    assert_eq!(old.get("/hello").await.status(), 200);

    let before = identity.status();
    secret.swap("not a certificate", &second.key);
    eventually("a bad pair", || identity.status().bad.is_some()).await;
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);

    secret.swap(&second.certificate, &second.key);
    eventually("the new pair", || identity.status() != before && identity.status().bad.is_none())
        .await;
    assert!(server.try_connect(&[]).await.is_err(), "the old certificate is gone");
    server.ca = second.certificate.clone();
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);
    assert_eq!(old.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn a_self_signed_certificate_holds_for_its_names_only() {
    let (identity, ca_pem) =
        portcullis::certificates::standalone(&["portcullis.example.org", "10.1.2.3"]).unwrap();
    identity.valid(SystemTime::now()).unwrap();
    let server = Server::showing(identity, ca_pem, limits(), BodyLimits::default()).await;
    for (name, good) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("portcullis.example.org", true),
        ("10.1.2.3", true),
        ("example.org", false),
        ("10.1.2.4", false),
    ] {
        let config = crate::server::harness::client_config(&server.ca, &[]);
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let stream = server.tcp().await;
        let made = connector.connect(ServerName::try_from(name).unwrap(), stream).await;
        assert_eq!(made.is_ok(), good, "{name}");
    }
    assert!(portcullis::certificates::standalone(&["not a name\u{e9}"]).is_err());
}
