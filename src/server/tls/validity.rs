//! When a certificate is valid.

use std::time::SystemTime;

use x509_parser::certificate::X509Certificate;

/// From when to when a certificate is valid, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this.
    pub from: SystemTime,
    /// Not after this.
    pub until: SystemTime,
}

impl Validity {
    /// As a certificate says.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self {
            from: validity.not_before.to_datetime().into(),
            until: validity.not_after.to_datetime().into(),
        }
    }

    /// Whether that is now.
    #[must_use]
    pub fn contains(&self, now: SystemTime) -> bool {
        self.check(now).is_ok()
    }

    /// Whether that is now.
    ///
    /// # Errors
    /// It is not; one line that says why.
    pub fn check(&self, now: SystemTime) -> Result<(), String> {
        if now > self.until {
            return Err(format!("the certificate expired at {}", rfc3339(self.until)));
        }
        if now < self.from {
            return Err(format!("the certificate is not valid before {}", rfc3339(self.from)));
        }
        Ok(())
    }
}

/// A time for people. A certificate may be valid until the last second of the year 9999, which jiff does not have.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
