//! The validity period of a certificate.

use std::time::SystemTime;

use x509_parser::certificate::X509Certificate;

/// The validity period of a certificate, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The start.
    pub from: SystemTime,
    /// The end.
    pub until: SystemTime,
}

impl Validity {
    /// Reads the period from a certificate.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self {
            from: validity.not_before.to_datetime().into(),
            until: validity.not_after.to_datetime().into(),
        }
    }

    /// Whether the period includes this time.
    #[must_use]
    pub fn contains(&self, now: SystemTime) -> bool {
        self.check(now).is_ok()
    }

    /// Checks that the period includes this time.
    ///
    /// # Errors
    /// Why it does not. One line.
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

/// A time for people. A certificate may be valid until the last second of the year 9999, which jiff cannot represent.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
