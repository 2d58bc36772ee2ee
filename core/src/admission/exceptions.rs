//! What exceptions mean for one request, and what is said of them.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime},
};

use crate::{
    policy::{Covering, Exception, Exceptions, Grant, Subject},
    pss::Pod,
};

use super::{object::Target, request::Request};

/// With how many expired exceptions, the latest, a denied pod is judged once more.
const MOST_EXPIRED: usize = 8;
/// How long before it ends those whom an exception covers are told so.
pub const NOTICE: Duration = Duration::from_secs(7 * 24 * 3600);

/// All exceptions, and the moment at which it is asked whether they hold.
#[derive(Clone, Copy, Debug)]
pub struct At<'e> {
    /// All that are honoured, if any can be.
    pub exceptions: Option<&'e Exceptions>,
    /// Now.
    pub now: SystemTime,
}

/// What is told of an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `namespace/name`.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// When it ends, or has ended.
    pub ends: Option<SystemTime>,
}

/// The exceptions that cover what is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Those in force.
    pub by: Vec<Note>,
    /// Those without which it is denied: had they not expired, it would be allowed.
    pub expired: Vec<Note>,
    /// Those in force that end soon, and without which it would be denied.
    pub ending: Vec<Note>,
}

impl At<'static> {
    /// Where nothing is excepted.
    pub fn nothing() -> Self {
        Self { exceptions: None, now: SystemTime::UNIX_EPOCH }
    }
}

impl<'e> At<'e> {
    /// Those that cover the pod or the template of a request.
    pub(super) fn of_request(self, request: &Request<'_>, pod: &Pod<'_>) -> Covering<'e> {
        let Some(exceptions) = self.exceptions else { return Covering::default() };
        let subject = match request.target() {
            Target::Template(_) => {
                Subject::of_template(pod, &request.namespace, &request.kind, &request.name)
            }
            Target::Pod | Target::Namespace | Target::Ignored | Target::Unknown => {
                Subject::of(pod, &request.namespace, &request.user.name)
            }
        };
        exceptions.covering(&subject, self.now)
    }

    /// Those that cover a pod that runs: what made it is believed, since nothing is decided by it.
    pub(super) fn of_running(self, namespace: &str, pod: &Pod<'_>) -> Covering<'e> {
        let Some(exceptions) = self.exceptions else { return Covering::default() };
        exceptions.covering(&Subject::as_it_says(pod, namespace), self.now)
    }

    /// The notes on them. `allows` says whether what they cover is allowed with these grants.
    pub(super) fn told(
        self,
        covering: &Covering<'_>,
        allows: impl Fn(&[Grant<'_>]) -> bool,
    ) -> Covered {
        let ends_soon = |exception: &&Exception| {
            exception.expires.is_some_and(|expires| expires <= self.now + NOTICE)
        };
        let granted = covering.granted.iter().copied();
        let (expired, granted) = granted.partition(ends_soon);
        let once_ended = Covering { granted, expired };
        let notes = |exceptions: Vec<&Exception>| exceptions.into_iter().map(Note::of).collect();
        Covered {
            by: notes(covering.granted.clone()),
            expired: notes(missed(covering, &allows)),
            ending: notes(missed(&once_ended, &allows)),
        }
    }
}

/// Those expired exceptions that would have allowed what is denied without them: as many as it takes, and those that could stand in
/// for one of them.
fn missed<'e>(
    covering: &Covering<'e>,
    allows: impl Fn(&[Grant<'_>]) -> bool,
) -> Vec<&'e Exception> {
    let allows_with = |expired: &[&Exception]| {
        let expired = expired.iter().map(|exception| exception.grant());
        let grants: Vec<_> = covering.grants().into_iter().chain(expired).collect();
        allows(&grants)
    };
    let mut latest = covering.expired.clone();
    latest.sort_by_key(|exception| Reverse(exception.expires));
    latest.truncate(MOST_EXPIRED);
    if latest.is_empty() || allows_with(&[]) || !allows_with(&latest) {
        return Vec::new();
    }
    let mut needed = latest.clone();
    for place in (0..needed.len()).rev() {
        let exception = needed.remove(place);
        if !allows_with(&needed) {
            needed.insert(place, exception);
        }
    }
    let stands_in = |exception: &&Exception| {
        (0..needed.len()).any(|place| {
            let mut others = needed.clone();
            if let Some(other) = others.get_mut(place) {
                *other = exception;
            }
            allows_with(&others)
        })
    };
    latest.retain(stands_in);
    latest.sort_by(|one, other| one.name.cmp(&other.name));
    latest
}

impl Note {
    fn of(exception: &Exception) -> Self {
        Self {
            name: exception.name.clone(),
            owner: exception.owner.clone(),
            ends: exception.expires,
        }
    }

    /// When it ends, as exceptions say it: `2026-12-24T18:00:00Z`.
    pub fn ends(&self) -> String {
        let time = self.ends.and_then(|ends| jiff::Timestamp::try_from(ends).ok());
        time.map_or_else(|| "never".to_owned(), |time| time.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        admission::{self, Context, Hook, Outcome, Review},
        config::Config,
        policy::{Allowed, Match, Relaxation},
        pss::NEWEST,
    };

    /// One that has expired, for all of namespace `shop`.
    fn expired(name: &str, allow: Allowed<'_>) -> Exception {
        let mut relaxation = Relaxation::default();
        relaxation.add(allow).unwrap();
        let mut matches = Match::default();
        matches.namespaces.add("shop").unwrap();
        Exception {
            name: format!("x/{name}"),
            matches,
            allow: relaxation,
            reason: "why".to_owned(),
            owner: "who".to_owned(),
            expires: Some(SystemTime::UNIX_EPOCH),
        }
    }

    /// The names of those that a denial is put down to, and what it says.
    fn missed(spec: &str, exceptions: Vec<Exception>) -> (Vec<String>, String) {
        let (covered, denial) = told(spec, exceptions);
        (covered.expired.into_iter().map(|note| note.name).collect(), denial)
    }

    #[test]
    fn an_end_is_told_to_those_who_need_the_exception() {
        let ending = |name, allow| Exception {
            expires: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)),
            ..expired(name, allow)
        };
        let exceptions = || {
            vec![
                ending("raw", Allowed::Capability("NET_RAW")),
                ending("pid", Allowed::HostNamespace("pid")),
            ]
        };
        for (spec, expected) in [
            (r#"{"containers":[{"name":"c"}]}"#, &[][..]),
            (r#"{"hostPID":true,"containers":[{"name":"c"}]}"#, &["x/pid"]),
            // It is denied now, and not only later.
            (r#"{"hostPID":true,"hostIPC":true,"containers":[{"name":"c"}]}"#, &[]),
        ] {
            let ending = told(spec, exceptions()).0.ending;
            let names: Vec<_> = ending.iter().map(|note| note.name.as_str()).collect();
            assert_eq!(names, expected, "{spec}");
        }
    }

    fn told(spec: &str, exceptions: Vec<Exception>) -> (Covered, String) {
        let pods = r#"{"group":"","version":"v1","resource":"pods"}"#;
        let text = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"1","resource":{pods},
            "namespace":"shop","operation":"CREATE","object":{{"metadata":{{"name":"p"}},"spec":{spec}}}}}}}"#
        );
        let request = Request::decode(text.as_bytes()).unwrap();
        let config = Config::embedded();
        let exceptions: Exceptions = exceptions.into_iter().collect();
        let excepted = At { exceptions: Some(&exceptions), now: SystemTime::UNIX_EPOCH };
        let context = Context { config: &config, newest: NEWEST, excepted };
        let Review::AwaitsPolicy(review) = admission::review(Hook::Validate, &request, context)
        else {
            panic!("a pod's verdict depends on its namespace");
        };
        let labels = [("pod-security.kubernetes.io/enforce".to_owned(), "baseline".to_owned())];
        let outcome = review.with(Ok(&BTreeMap::from(labels)));
        let answer = admission::answer(&outcome, &request, config.mode);
        let Outcome::Pod(judged) = outcome else { panic!("{outcome:?}") };
        (judged.judgement.exceptions, serde_json::to_string(&answer.denial).unwrap())
    }

    #[test]
    fn only_what_would_have_prevented_a_denial_is_named() {
        let raw = |name| expired(name, Allowed::Capability("NET_RAW"));
        let trace = || expired("a-trace", Allowed::Capability("SYS_PTRACE"));
        let pid = || expired("pid", Allowed::Control("hostNamespaces"));
        let adding = |names: &str, more: &str| {
            format!(
                r#"{{{more}"containers":[{{"name":"c","securityContext":{{"capabilities":{{"add":[{names}]}}}}}}]}}"#
            )
        };
        let host = r#""hostPID":true,"#;
        for (spec, exceptions, expected) in [
            // By its name the other is the first.
            (adding(r#""NET_RAW""#, ""), vec![trace(), raw("raw")], &["x/raw"][..]),
            (adding(r#""NET_RAW""#, ""), vec![trace()], &[]),
            (
                adding(r#""NET_RAW""#, ""),
                vec![raw("raw-1"), raw("raw-2"), trace()],
                &["x/raw-1", "x/raw-2"],
            ),
            (adding(r#""NET_RAW","SYS_PTRACE""#, ""), vec![raw("raw")], &[]),
            (
                adding(r#""NET_RAW","SYS_PTRACE""#, ""),
                vec![trace(), pid(), raw("raw")],
                &["x/a-trace", "x/raw"],
            ),
            (adding(r#""NET_RAW""#, host), vec![trace(), raw("raw")], &[]),
            (adding(r#""NET_RAW""#, host), vec![trace(), raw("raw"), pid()], &["x/pid", "x/raw"]),
            (
                adding(r#""NET_RAW""#, host),
                vec![raw("raw-1"), trace(), raw("raw-2"), pid()],
                &["x/pid", "x/raw-1", "x/raw-2"],
            ),
            (adding("", ""), vec![trace(), raw("raw"), pid()], &[]),
        ] {
            let (names, denial) = missed(&spec, exceptions);
            assert_eq!(names, expected, "{spec}");
            assert_eq!(denial.contains("would have covered"), !expected.is_empty(), "{denial}");
            // Two may be needed together, so that one name would be half the truth.
            assert!(expected.iter().all(|name| denial.contains(name)), "{denial}");
        }
    }
}
