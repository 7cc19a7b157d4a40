//! In which language a page is shown: an Accept-Language field (RFC 9110 §12.5.4) and the
//! languages that there are come in, the best of them goes out.

#[cfg(test)]
mod tests;

/// Octets of the field that are read.
const FIELD_OCTETS_MAX: usize = 1_024;

/// Ranges of the field that are read.
const RANGES_MAX: usize = 32;

/// The place of the language among `available`, in lower case, that the field asks for; the
/// first where it asks for none of them. A range is looked up as RFC 4647 §3.4 says: `de-AT`
/// finds `de`. Weights that are none leave their range out.
pub fn preferred(field: &[u8], available: &[&str]) -> usize {
    let field = &field[..field.len().min(FIELD_OCTETS_MAX)];
    let field = String::from_utf8_lossy(field).to_ascii_lowercase();
    let mut ranges: Vec<(&str, u16)> =
        field.split(',').take(RANGES_MAX).filter_map(range).collect();
    // Of equal weights, the first counts.
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    let refused: Vec<&str> =
        ranges.iter().filter(|(_, weight)| *weight == 0).map(|(range, _)| *range).collect();
    let wanted = ranges.iter().filter(|(_, weight)| *weight > 0);
    let found = |range: &str| {
        let place = if range == "*" {
            available.iter().position(|tag| !refused.contains(tag))
        } else {
            lookup(range, available)
        };
        place.filter(|place| !refused.contains(&available[*place]))
    };
    wanted.filter_map(|(range, _)| found(range)).next().unwrap_or_default()
}

/// A range and its weight in thousandths.
fn range(text: &str) -> Option<(&str, u16)> {
    let (range, parameter) = text.split_once(';').unwrap_or((text, "q=1"));
    let weight = parameter.trim().strip_prefix("q=")?.trim();
    let is_weight = weight.len() <= 5
        && weight.starts_with(['0', '1'])
        && weight.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    let weight = weight.parse::<f32>().ok().filter(|weight| is_weight && *weight <= 1.0)?;
    let range = range.trim();
    // At most 1,000, by the check above.
    (!range.is_empty()).then_some((range, (weight * 1_000.0).round() as u16))
}

/// RFC 4647 §3.4: the range is made shorter from its end until it is a language that there
/// is.
fn lookup(range: &str, available: &[&str]) -> Option<usize> {
    let mut range = range;
    loop {
        // Old codes; and scripts are not told by all clients: these regions write the
        // traditional one.
        let known = match range {
            "zh-tw" | "zh-hk" | "zh-mo" => "zh-hant",
            "no" | "nn" => "nb",
            "iw" => "he",
            "in" => "id",
            other => other,
        };
        if let Some(place) = available.iter().position(|tag| *tag == known) {
            return Some(place);
        }
        range = range.rsplit_once('-')?.0;
    }
}
