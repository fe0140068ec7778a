//! Writes DER, right or wrong as the caller wants it.

/// Any element.
pub(crate) fn bytes(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match contents.len() {
        len @ 0..=0x7f => out.push(len as u8),
        len => {
            let len = len.to_be_bytes();
            let shortest = &len[len.iter().position(|byte| *byte != 0).unwrap()..];
            out.push(0x80 | shortest.len() as u8);
            out.extend(shortest);
        }
    }
    out.extend(contents);
    out
}

pub(crate) fn sequence(contents: &[u8]) -> Vec<u8> {
    bytes(0x30, contents)
}

pub(crate) fn set(contents: &[u8]) -> Vec<u8> {
    bytes(0x31, contents)
}

pub(crate) fn explicit(number: u8, contents: &[u8]) -> Vec<u8> {
    bytes(0xa0 | number, contents)
}

pub(crate) fn implicit(number: u8, contents: &[u8]) -> Vec<u8> {
    bytes(0x80 | number, contents)
}

/// `contents` are taken as they are.
pub(crate) fn integer(contents: &[u8]) -> Vec<u8> {
    bytes(0x02, contents)
}

pub(crate) fn boolean(value: u8) -> Vec<u8> {
    bytes(0x01, &[value])
}

pub(crate) fn oid(arcs: &[u64]) -> Vec<u8> {
    let mut contents = vec![(arcs[0] * 40 + arcs[1]) as u8];
    for arc in &arcs[2..] {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        contents.extend(groups.iter().rev());
    }
    bytes(0x06, &contents)
}

/// Seconds since 1970 as GeneralizedTime.
pub(crate) fn generalized_time(seconds: i64) -> Vec<u8> {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (mut year, mut day) = (1970, days);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while day >= 365 + i64::from(is_leap(year)) {
        day -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for len in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < len {
            break;
        }
        day -= len;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let text = format!("{year:04}{month:02}{:02}{hour:02}{minute:02}{:02}Z", day + 1, second % 60);
    bytes(0x18, text.as_bytes())
}
