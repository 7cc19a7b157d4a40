//! X-MSYS-API: any header, and any value of the field. What is read is within its limits,
//! and deciding by it never fails.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracking::{
    decision::Decision,
    smtpapi::{CAMPAIGN_ID_OCTETS_MAX, FIELD, TAGS_MAX, read},
};

fuzz_target!(|input: &[u8]| {
    let with_field = [FIELD.as_bytes(), b": ", input, b"\r\n\r\n"].concat();
    for message in [input, &with_field] {
        let Ok(Some(request)) = read(message) else { continue };
        let campaign_id = request.campaign_id.as_deref().unwrap_or_default();
        assert!(campaign_id.len() <= CAMPAIGN_ID_OCTETS_MAX);
        assert!(request.tags.len() <= TAGS_MAX);
        request.apply(&Decision::default());
    }
});
