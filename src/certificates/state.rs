//! The content of the Secret: the authority that signs now, the one that signs next, and earlier ones for as long as
//! their certificates may be in use.
//!
//! ```text
//! service        portcullis.security.svc       the name that the authorities sign for
//! current.crt    current.key                   signs now
//! next.crt       next.key                      trusted already, signs later
//! previous.crt                                 still trusted; the keys are deleted
//! since          2026-11-22T06:00:00Z          when `current` began to sign
//! published      2026-11-22T06:00:05Z          since when every webhook trusts `next`, if all do
//! ```

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use k8s_openapi::ByteString;

use super::authority::{Authority, AuthorityError, certificates};

/// Maximum number of previous authorities that stay trusted.
const MAX_PREVIOUS: usize = 4;

pub(super) type Data = BTreeMap<String, ByteString>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorities {
    /// The only DNS name that its authorities sign for.
    pub(super) service: String,
    pub(super) current: Authority,
    pub(super) next: Authority,
    /// Certificates, PEM, the latest last.
    pub(super) previous: Option<String>,
    pub(super) since: SystemTime,
    pub(super) published: Option<SystemTime>,
}

impl Authorities {
    /// The first state: no client trusts its authorities yet.
    pub(super) fn mint(
        service: &str,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Self, AuthorityError> {
        Ok(Self {
            service: service.to_owned(),
            current: Authority::mint(Some(service), now, lifetime)?,
            next: Authority::mint(Some(service), now, lifetime)?,
            previous: None,
            since: now,
            published: None,
        })
    }

    /// Lets `next` sign from now on, and creates its successor.
    pub(super) fn promote(
        &self,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Self, AuthorityError> {
        Ok(Self {
            service: self.service.clone(),
            current: self.next.clone(),
            next: Authority::mint(Some(&self.service), now, lifetime)?,
            previous: self.retired(self.current.certificate()),
            since: now,
            published: None,
        })
    }

    /// Replaces both authorities because they are unusable by this replica's clock. They may be usable and in use by
    /// another replica's clock, so they stay trusted.
    pub(super) fn replace(
        &self,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Self, AuthorityError> {
        let previous = self.retired(self.current.certificate());
        Ok(Self { previous, ..Self::mint(&self.service, now, lifetime)? })
    }

    /// The same state, which also trusts the authorities of the state `before`, as if that had just been replaced: its
    /// current authority, and the earlier ones whose certificates replicas may still serve.
    pub(super) fn trusting(&self, before: &Self, now: SystemTime) -> Self {
        let previous = before.previous.as_deref().unwrap_or("");
        let previous = self.retired(&format!("{previous}{}", before.current.certificate()));
        Self { previous, since: now, published: None, ..self.clone() }
    }

    /// The previous authorities and `more`, limited in number: many exist only if clocks jump back and forth.
    fn retired(&self, more: &str) -> Option<String> {
        let all = certificates(&format!("{}{more}", self.previous.as_deref().unwrap_or("")));
        let latest = all.len().saturating_sub(MAX_PREVIOUS);
        Some(all.into_iter().skip(latest).map(|(pem, _)| pem).collect())
    }

    /// The certificates that every webhook should trust, PEM.
    pub(super) fn bundle(&self) -> String {
        let previous = self.previous.as_deref();
        let all = [Some(self.current.certificate()), Some(self.next.certificate()), previous];
        all.into_iter().flatten().collect()
    }

    /// Reads the Secret. `None` if it is empty.
    ///
    /// # Errors
    /// One line that says what is wrong: another client wrote to it, or the service has a different name now.
    pub(super) fn read(data: &Data, service: &str) -> Result<Option<Self>, String> {
        if data.is_empty() {
            return Ok(None);
        }
        let text = |key: &str| {
            data.get(key).and_then(|bytes| std::str::from_utf8(&bytes.0).ok()).unwrap_or_default()
        };
        let authority = |which: &str| {
            let (certificate, key) = (format!("{which}.crt"), format!("{which}.key"));
            Authority::read(text(&certificate), text(&key))
                .map_err(|error| format!("{certificate}, {key}: {error}"))
        };
        if text("service") != service {
            return Err(format!("service: must be {service}"));
        }
        Ok(Some(Self {
            service: service.to_owned(),
            current: authority("current")?,
            next: authority("next")?,
            previous: Some(
                certificates(text("previous.crt")).into_iter().map(|(pem, _)| pem).collect(),
            )
            .filter(|pem: &String| !pem.is_empty()),
            since: time(text("since")).ok_or("since: must be a time")?,
            published: time(text("published")),
        }))
    }

    /// Writes the data that [`read`](Self::read) reads.
    pub(super) fn write(&self) -> Data {
        let since = Some(rfc3339(self.since));
        let values = [
            ("service", Some(self.service.clone())),
            ("current.crt", Some(self.current.certificate().to_owned())),
            ("current.key", Some(self.current.key().to_owned())),
            ("next.crt", Some(self.next.certificate().to_owned())),
            ("next.key", Some(self.next.key().to_owned())),
            ("previous.crt", self.previous.clone()),
            ("since", since),
            ("published", self.published.map(rfc3339)),
        ];
        values
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), ByteString(value?.into_bytes()))))
            .collect()
    }
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or_default().to_string()
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    const NAME: &str = "portcullis.security.svc";

    #[test]
    fn what_is_written_is_read() {
        let now = SystemTime::now();
        let first = Authorities::mint(NAME, now, YEAR).unwrap();
        let mut second = first.promote(now + YEAR / 3, YEAR).unwrap();
        second.published = Some(now + YEAR / 2);
        for state in [first, second] {
            assert_eq!(Authorities::read(&state.write(), NAME).unwrap().unwrap(), state);
        }
        assert_eq!(Authorities::read(&Data::new(), NAME), Ok(None));
    }

    #[test]
    fn objects_of_other_writers_are_reported() {
        let mut data = Authorities::mint(NAME, SystemTime::now(), YEAR).unwrap().write();
        assert_eq!(Authorities::read(&data, "b.a.svc").unwrap_err(), "service: must be b.a.svc");
        data.insert("next.key".to_owned(), ByteString(b"\xff".to_vec()));
        let error = Authorities::read(&data, NAME).unwrap_err();
        assert_eq!(error, "next.crt, next.key: the key is no key in PEM");
    }

    /// Clients reject a whole bundle because of one damaged certificate.
    #[test]
    fn what_is_no_certificate_is_never_published() {
        let state = Authorities::mint(NAME, SystemTime::now(), YEAR).unwrap();
        let old = state.next.certificate();
        let mut data = state.write();
        for (text, kept) in [
            ("rubbish".to_owned(), None),
            (old.replacen("MII", "AAA", 1), None),
            (
                format!("{}rubbish\n", old.replacen("MII", "AAA", 1)) + old.trim(),
                Some(old.to_owned()),
            ),
        ] {
            data.insert("previous.crt".to_owned(), ByteString(text.into_bytes()));
            assert_eq!(Authorities::read(&data, NAME).unwrap().unwrap().previous, kept);
        }
    }

    #[test]
    fn promoting_keeps_all_that_is_in_use_trusted() {
        let now = SystemTime::now();
        let first = Authorities::mint(NAME, now, YEAR).unwrap();
        let second = first.promote(now, YEAR).unwrap();
        assert!(second.bundle().contains(first.current.certificate()));
        assert!(second.bundle().contains(first.next.certificate()));
        assert_eq!(second.bundle().matches("BEGIN CERTIFICATE").count(), 3);
        assert!(second.current == first.next);
    }
}
