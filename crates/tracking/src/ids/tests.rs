use super::*;

#[test]
fn message_id_is_time_then_nonce() {
    let id =
        MessageId::new(Timestamp(MESSAGE_EPOCH_MS + 0x01_0203_0405), [0xa, 0xb, 0xc, 0xd, 0xe]);
    assert_eq!(id.to_string(), "01020304050a0b0c0d0e");
    assert_eq!("01020304050a0b0c0d0e".parse(), Ok(id));
}

#[test]
fn message_id_refuses_other_shapes() {
    for wrong in
        ["", "0102030405", "01020304050A0B0C0D0E", "01020304050a0b0c0d0e0", "zz020304050a0b0c0d0e"]
    {
        assert!(wrong.parse::<MessageId>().is_err(), "{wrong:?}");
    }
}

#[test]
fn later_message_ids_sort_later() {
    let at = |ms| MessageId::new(Timestamp(MESSAGE_EPOCH_MS + ms), [0xff; 5]).to_string();
    assert!(at(1) < at(2) && at(255) < at(256));
}

#[test]
fn transmission_id_has_63_bits() {
    let id = TransmissionId::new(Timestamp(i64::MAX), [0xff; 3]);
    assert!(id.0 < 1 << 63);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!("9223372036854775808".parse::<TransmissionId>().is_err());
}

#[test]
fn event_id_is_a_uuid_of_version_7() {
    let id = EventId::new(Timestamp(MESSAGE_EPOCH_MS), [7; 10]).to_string();
    assert_eq!((id.len(), &id[14..15]), (36, "7"));
}
