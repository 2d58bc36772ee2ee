//! Values of upstream's metrics in the registry.

use portcullis::telemetry::Metrics;

/// Each metric with its labels in upstream's order.
const UPSTREAM: [(&str, &[&str]); 3] = [
    (
        "evaluations",
        &[
            "decision",
            "policy_level",
            "policy_version",
            "mode",
            "request_operation",
            "resource",
            "subresource",
        ],
    ),
    ("exemptions", &["request_operation", "resource", "subresource"]),
    ("errors", &["fatal", "request_operation", "resource", "subresource"]),
];

/// Upstream's non-zero series: `evaluations deny baseline latest enforce create pod -`, where `-` is an empty label,
/// with ` x2` after a value of 2.
pub(crate) fn counted(metrics: &Metrics) -> Vec<String> {
    series(metrics)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| if count == 1 { name } else { format!("{name} x{count}") })
        .collect()
}

/// All of upstream's series, sorted.
pub(crate) fn series(metrics: &Metrics) -> Vec<(String, u64)> {
    let families = metrics.registry().gather();
    let mut series = Vec::new();
    for (metric, labels) in UPSTREAM {
        let name = format!("pod_security_{metric}_total");
        let family = families.iter().find(|family| family.name() == name);
        for sample in family.map(|family| family.get_metric()).unwrap_or_default() {
            assert_eq!(sample.get_label().len(), labels.len(), "{name}");
            let value = |label: &&str| {
                let pair = sample.get_label().iter().find(|pair| pair.name() == *label);
                let value = pair.unwrap_or_else(|| panic!("{name} has no {label}")).value();
                if value.is_empty() { "-".to_owned() } else { value.to_owned() }
            };
            let values: Vec<_> = labels.iter().map(value).collect();
            let count = sample.get_counter().get_value();
            assert_eq!(count.fract(), 0.0);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            series.push((format!("{metric} {}", values.join(" ")), count as u64));
        }
    }
    series.sort();
    series
}
