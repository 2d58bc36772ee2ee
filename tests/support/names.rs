//! DNS responses for the names of Services, `name.namespace.svc` with or without `cluster.local`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const A: u16 = 1;

/// The response to a query with one question: the address, no records for other types, or NXDOMAIN. `None` for invalid
/// queries.
pub(super) fn answer(query: &[u8], services: &BTreeMap<String, Ipv4Addr>) -> Option<Vec<u8>> {
    let (header, question) = query.split_at_checked(12)?;
    let (name, end) = name(question)?;
    let kind = u16::from_be_bytes(question.get(end..end + 2)?.try_into().ok()?);
    let address = service(&name).and_then(|name| services.get(&name));
    let is_known = address.is_some();
    let address = address.filter(|_| kind == A);

    let mut answer = header.get(..2)?.to_vec();
    // A response, authoritative, recursion available; NXDOMAIN is 3.
    answer.extend([0x85, if is_known { 0x80 } else { 0x83 }]);
    answer.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    answer.extend(question.get(..end + 4)?);
    if let Some(address) = address {
        // The name of the question, type A, class IN, five seconds, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

/// The labels of the name at the beginning of a question, and where it ends.
fn name(question: &[u8]) -> Option<(Vec<String>, usize)> {
    let mut labels = Vec::new();
    let mut at = 0;
    loop {
        let length = usize::from(*question.get(at)?);
        if length == 0 {
            return Some((labels, at + 1));
        }
        let label = question.get(at + 1..at + 1 + length)?;
        labels.push(String::from_utf8(label.to_ascii_lowercase()).ok()?);
        at += 1 + length;
    }
}

/// `name.namespace` for the name of a Service.
fn service(labels: &[String]) -> Option<String> {
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    match labels.as_slice() {
        [name, namespace, "svc"] | [name, namespace, "svc", "cluster", "local"] => {
            Some(format!("{name}.{namespace}"))
        }
        _ => None,
    }
}
