//! The response of an AdmissionReview for an outcome: allowed or denied, warnings, audit annotations, a patch.

use std::collections::BTreeMap;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};

use policy::{
    config::Mode,
    harden::{MissingDefault, PatchText},
    pss::{Levels, Pod},
    requirement::Violation,
    shown::{clean, cut},
    verdict::{Fixes, Verdict},
};

use super::{
    hardening::{Effect, Hardening},
    lints, message,
    namespace::NamespaceReview,
    pod_scan::Scan,
    request::Request,
    review::{HeldVerdict, Outcome, ReviewError},
    status::{Status, describe, display_name},
    warnings::{MAX_WARNING, Warnings},
};

/// Maximum number of lines with fixes for a pod or a template.
const MOST_LINES: usize = 3;

/// Maximum length of the place of a pod in a warning, in characters.
const MAX_PLACE: usize = 80;

/// The prefix of warnings in dry-run mode.
const DRY_RUN: &str = "dry run, would deny: ";

/// A response before serialisation.
#[derive(Debug, Default)]
pub struct Answer {
    /// The denial; None if the request is allowed.
    pub denial: Option<Status>,
    /// Warnings for the client.
    pub warnings: Vec<String>,
    /// Audit annotations, with upstream's keys and Portcullis' own.
    pub annotations: BTreeMap<&'static str, String>,
    /// The patch.
    pub patch: Option<PatchText>,
}

/// Creates the response for an outcome. In dry-run mode, reports denials and changes instead of applying them.
pub fn answer(outcome: &Outcome<'_>, request: &Request<'_>, mode: Mode) -> Answer {
    let mut answer = Draft { object: object(request), ..Draft::default() };
    match outcome {
        Outcome::Ignore => {}
        Outcome::Exempt(exemption) => answer.note("exempt", exemption.as_str()),
        Outcome::Privileged => answer.note("enforce-policy", "privileged:latest"),
        Outcome::Pod(verdict) => answer.pod(verdict, request),
        Outcome::Workload { held, more } => answer.workload(held, *more, mode),
        Outcome::Namespace(review) => answer.namespace(review, request),
        Outcome::Harden(hardening) => answer.hardening(hardening),
        Outcome::Refuse(error) => answer.refuse(error, request),
        Outcome::Pass(error) => answer.note("error", describe(error)),
    }
    lints::lines(outcome, request).iter().for_each(|line| answer.warn(line));
    if mode == Mode::DryRun {
        answer.only_say();
    }
    let Draft { denial, warnings, annotations, patch, .. } = answer;
    Answer { denial, warnings: warnings.into_lines(), annotations, patch }
}

/// The prefix of warnings about an object: `Deployment "web": `. kubectl prints equal warnings once, so without it a
/// second object with the same error would seem to have none.
fn object(request: &Request<'_>) -> String {
    const MOST: usize = 80;
    let kind = clean(&request.kind, MOST);
    match clean(display_name(request), MOST) {
        name if name.is_empty() => format!("{kind}: "),
        name => format!("{kind} {name:?}: "),
    }
}

/// Serialises the whole AdmissionReview as compact JSON, without repeating the request.
pub fn respond(answer: &Answer, uid: &str) -> Vec<u8> {
    let patch = answer.patch.as_ref().filter(|patch| !patch.is_empty());
    let review = ReviewOut {
        api_version: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: Response {
            uid,
            allowed: answer.denial.is_none(),
            status: answer.denial.as_ref(),
            patch_type: patch.map(|_| "JSONPatch"),
            patch: patch.map(|patch| Base64(patch.as_bytes())),
            audit_annotations: &answer.annotations,
            warnings: &answer.warnings,
        },
    };
    // The most common responses for allowed pods fit without growing, and a patch in base64 always does.
    let mut text =
        Vec::with_capacity(256 + patch.map_or(0, |patch| patch.as_bytes().len() / 2 * 3));
    // Strings and maps with text keys always serialise, and writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut text, &review);
    text
}

/// Serialises as base64, without a copy.
struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReviewOut<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Base64<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: &'a BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
}

/// A response in progress.
#[derive(Default)]
struct Draft {
    /// The object in warnings, and the pod in it.
    object: String,
    /// The pod in annotations, if the object has several.
    place: String,
    /// The fixes in a denial.
    fixes: Vec<String>,
    denial: Option<Status>,
    warnings: Warnings,
    annotations: BTreeMap<&'static str, String>,
    patch: Option<PatchText>,
}

impl Draft {
    /// Sets an annotation. If it is set for another pod of the object, appends the value.
    fn note(&mut self, key: &'static str, value: impl Into<String>) {
        let value = value.into();
        match self.annotations.get_mut(key) {
            Some(known) if *known == value => {}
            Some(known) => *known = clean(&[known, "; ", &value].concat(), message::MAX_DENIAL),
            None => drop(self.annotations.insert(key, value)),
        }
    }

    fn warn(&mut self, text: &str) {
        self.warnings.add(&format!("{}{text}", self.object));
    }

    /// Adds warnings for violations, if any: the violated policy in one line, and the fixes in a few.
    fn violations(&mut self, head: &str, violations: &[Violation], pod: &Pod<'_>) {
        if !violations.is_empty() {
            self.warn(head);
            let room = MAX_WARNING.saturating_sub(self.object.len());
            let lines = Fixes::new(violations).packed(pod, room, MOST_LINES - 1);
            lines.iter().for_each(|line| self.warn(line));
        }
    }

    fn pod(&mut self, verdict: &Verdict<'_>, request: &Request<'_>) {
        self.policy_notes(verdict);
        let (pod, modes) = (verdict.case.pod, verdict.policy().modes);
        self.note("enforce-policy", modes.enforce.to_string());
        if verdict.enforce.is_empty() {
            let violations = &verdict.warn;
            let (broken, reasons) =
                (message::broken(modes.warn, violations), policy::verdict::reasons(violations));
            let head = format!("would violate {broken}: {reasons}");
            self.violations(&head, violations, pod);
        } else {
            self.denial = Some(Status::forbidden(verdict, request));
            let room = MAX_WARNING.saturating_sub(self.object.len() + DRY_RUN.len());
            self.fixes = Fixes::new(&verdict.enforce).packed(pod, room, MOST_LINES - 1);
        }
    }

    /// The pods of an object: each with its place, if there are several.
    fn workload(&mut self, held: &[HeldVerdict<'_>], more: usize, mode: Mode) {
        let object = self.object.clone();
        for one in held {
            if held.len() > 1 {
                self.place = format!("{}: ", clean(one.root.as_str(), MAX_PLACE));
                self.object = [&*object, &self.place].concat();
            }
            self.held(&one.verdict, &one.unhardened, mode);
        }
        self.object = object;
        if more > 0 {
            self.warn(&format!("{more} more of its pods were not judged"));
        }
    }

    fn held(&mut self, verdict: &Verdict<'_>, unhardened: &[Violation], mode: Mode) {
        let (pod, changes) = (verdict.case.pod, &verdict.case.changes);
        self.policy_notes(verdict);
        let enforce = verdict.policy().modes.enforce;
        let is_rejected = !verdict.enforce.is_empty();
        let (fate, hardened) = match mode {
            Mode::Enforce => ("will be rejected", "pods will be hardened"),
            Mode::DryRun => {
                ("would be rejected but for dry run", "but for dry run pods would be hardened")
            }
        };
        let (levels, violations) = strictest(verdict);
        let (broken, reasons) =
            (message::broken(levels, &violations), policy::verdict::reasons(&violations));
        let head = match is_rejected {
            true if levels == enforce => {
                format!("would violate {broken} and its pods {fate}: {reasons}")
            }
            true => {
                format!("would violate {broken} and its pods {fate} by \"{enforce}\": {reasons}")
            }
            false => format!("would violate {broken}: {reasons}"),
        };
        self.violations(&head, &violations, pod);
        if !unhardened.is_empty() {
            let set = message::changes(changes, pod, MAX_WARNING);
            let broken = message::broken(enforce, unhardened);
            self.warn(&format!("{hardened} to pass {broken}: {set}"));
            self.caveat(changes);
        }
    }

    /// The audit log gets every exception, the user only those that are needed and expire soon.
    fn exception_notes(&mut self, verdict: &Verdict<'_>) {
        if let Some(profile) = &verdict.policy().profile {
            self.note("profile", profile.name.clone());
        }
        let names: Vec<_> = verdict.exceptions.by.iter().map(|note| note.name.as_str()).collect();
        if !names.is_empty() {
            self.note("exceptions", clean(&names.join(", "), message::MAX_DENIAL));
        }
        if let Some(asked) = verdict.builtin.filter(|_| verdict.enforce.is_empty()) {
            self.warn(&format!(
                "allowed by Portcullis, but the built-in Pod Security admission denies it: label pod-security.kubernetes.io/enforce asks for {asked}"
            ));
        }
        for note in &verdict.exceptions.ending {
            let (name, owner, ends) = (&note.name, &note.owner, note.ends());
            self.warn(&format!("PolicyException {name} of {owner} covers this until {ends}"));
        }
    }

    fn policy_notes(&mut self, verdict: &Verdict<'_>) {
        self.exception_notes(verdict);
        if !verdict.policy().invalid.is_empty() {
            let invalid: Vec<_> =
                verdict.policy().invalid.iter().map(ToString::to_string).collect();
            let text = format!("Failed to parse policy: {}", invalid.join("; "));
            self.note("error", clean(&text, message::MAX_DENIAL));
        }
        if !verdict.audit.is_empty() {
            let pair = verdict.policy().modes.audit;
            let reasons = policy::verdict::reasons(&verdict.audit);
            let fixes = Fixes::new(&verdict.audit);
            let lines = fixes.lines_by_place(verdict.case.pod, message::MAX_DENIAL);
            let fixes = Fixes::joined(lines, "; ", message::MAX_DENIAL, fixes.count());
            let broken = message::broken(pair, &verdict.audit);
            let text = [&self.place, "would violate ", &broken, ": ", &reasons, " (", &fixes, ")"]
                .concat();
            self.note("audit-violations", clean(&text, message::MAX_DENIAL));
        }
    }

    fn namespace(&mut self, review: &NamespaceReview, request: &Request<'_>) {
        match review {
            NamespaceReview::ExemptButLabelled { ignored } => {
                let name = cut(&request.name);
                let ignored: Vec<_> =
                    ignored.iter().map(|(mode, pair)| format!("{mode}={pair}")).collect();
                let policy = match ignored.as_slice() {
                    [] => "policy".to_owned(),
                    all => format!("policy ({})", all.join(", ")),
                };
                self.warnings.add(&format!(
                    "namespace {name:?} is exempt from Pod Security by configuration: its {policy} will be ignored"
                ));
            }
            NamespaceReview::BelowFloor { asked, enforced } => {
                let name = cut(&request.name);
                self.warnings.add(&format!(
                    "namespace {name:?} asks for {asked}, which is below the floor of the configuration: {enforced} is enforced"
                ));
            }
            NamespaceReview::Scanned(scan) => self.scan(scan, request),
        }
    }

    fn scan(&mut self, scan: &Scan, request: &Request<'_>) {
        if let Some(why) = &scan.failure {
            self.warn(&format!(
                "existing pods were not checked against the new enforce level: {why}"
            ));
            return;
        }
        let Scan { enforce, checked, groups, .. } = scan;
        match scan.total {
            Some(total) if total <= *checked => {}
            Some(total) => self.warn(&format!(
                "only {checked} of {total} existing pods were checked against the new enforce level"
            )),
            None => self.warn(&format!(
                "only {checked} of the existing pods were checked against the new enforce level"
            )),
        }
        if !groups.is_empty() {
            let name = cut(&request.name);
            self.warnings.add(&format!(
                "existing pods in namespace {name:?} violate the new PodSecurity enforce level \"{enforce}\""
            ));
        }
        for group in groups {
            let others = match group.count - 1 {
                0 => String::new(),
                1 => " (and 1 other pod)".to_owned(),
                others => format!(" (and {others} other pods)"),
            };
            self.warn(&format!("{}{others}: {}", group.pod, group.reasons));
        }
        if scan.ungrouped > 0 {
            self.warn(&format!("{} more pods violate it in other ways", scan.ungrouped));
        }
    }

    fn hardening(&mut self, hardening: &Hardening<'_>) {
        if hardening.changes.is_empty() {
            return;
        }
        let set = message::changes(&hardening.changes, hardening.pod, message::MAX_DENIAL);
        let (key, says) = match hardening.effect {
            Effect::Apply => ("hardened", "hardened"),
            Effect::Report => ("would-harden", "hardening would set"),
        };
        self.note(key, clean(&set, message::MAX_DENIAL));
        if !hardening.is_told_otherwise {
            self.warn(&format!("{says} {set}"));
            self.caveat(&hardening.changes);
        }
        if hardening.effect == Effect::Apply {
            self.patch = Some(hardening.patch());
        }
    }

    fn caveat(&mut self, changes: &[MissingDefault]) {
        if let Some(caveat) = message::root_caveat(changes) {
            self.warn(caveat);
        }
    }

    fn refuse(&mut self, error: &ReviewError, request: &Request<'_>) {
        if !matches!(error, ReviewError::Labels(_)) {
            self.note("error", describe(error));
        }
        self.denial = Some(Status::error(error, request));
    }

    /// Dry run: turns the denial and the patch into warnings and audit annotations.
    fn only_say(&mut self) {
        let Some(status) = self.denial.take() else { return };
        self.note(
            "dry-run",
            clean(&format!("would deny: {}", status.message), message::MAX_DENIAL),
        );
        // Lines with fixes begin with a space, and are reported in fewer lines.
        let mut lines = status.message.lines().filter(|line| !line.starts_with(' '));
        let first = lines.next().map(str::to_owned);
        let policy = lines.collect::<Vec<_>>().join("; ");
        let further = self.fixes.iter().chain((!policy.is_empty()).then_some(&policy));
        let further = further.map(|line| format!("{}{line}", self.object));
        let lines: Vec<_> =
            first.into_iter().chain(further).map(|line| format!("{DRY_RUN}{line}")).collect();
        self.warnings = std::mem::take(&mut self.warnings).behind(lines.into_iter());
    }
}

/// The violations of enforce and warn without duplicates, reported for the mode that includes the other, or for
/// enforce.
fn strictest(verdict: &Verdict<'_>) -> (Levels, Vec<Violation>) {
    let modes = verdict.policy().modes;
    let is_warned_of_more = verdict.enforce.is_empty() || modes.warn.include_all(&modes.enforce);
    let (levels, first, second) = match is_warned_of_more && modes.warn != modes.enforce {
        true => (modes.warn, &verdict.warn, &verdict.enforce),
        false => (modes.enforce, &verdict.enforce, &verdict.warn),
    };
    let mut violations = first.clone();
    let is_known = |one: &Violation| first.iter().any(|it| it.requirement == one.requirement);
    violations.extend(second.iter().filter(|one| !is_known(one)).cloned());
    (levels, violations)
}
