//! The notations of the native protocol (its specification, version 4, section 3).

/// A type of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    Boolean,
    Inet,
    Int,
    SetOfText,
    Text,
    Uuid,
}

impl Type {
    fn options(self) -> &'static [u16] {
        match self {
            Self::Boolean => &[0x0004],
            Self::Inet => &[0x0010],
            Self::Int => &[0x0009],
            Self::SetOfText => &[0x0022, 0x000D],
            Self::Text => &[0x000D],
            Self::Uuid => &[0x000C],
        }
    }
}

/// The body of an answer, as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    pub(super) fn short(mut self, number: u16) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.short_octets(text.as_bytes())
    }

    pub(super) fn short_octets(self, octets: &[u8]) -> Self {
        let mut body = self.short(u16::try_from(octets.len()).expect("a short text"));
        body.0.extend(octets);
        body
    }

    pub(super) fn octets(self, octets: Option<&[u8]>) -> Self {
        let Some(octets) = octets else { return self.long(u32::MAX) };
        let mut body = self.long(u32::try_from(octets.len()).expect("a small value"));
        body.0.extend(octets);
        body
    }

    /// The table, and each column with its type.
    pub(super) fn columns(self, columns: &[(&str, Type)]) -> Self {
        columns.iter().fold(self.text("mailwake").text("tags"), |body, (name, of)| {
            of.options().iter().fold(body.text(name), |body, option| body.short(*option))
        })
    }
}

/// What is left of a request.
#[derive(Debug)]
pub(super) struct Reader<'r>(pub(super) &'r [u8]);

impl Reader<'_> {
    fn take(&mut self, octets: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(octets);
        self.0 = rest;
        taken.to_vec()
    }

    fn short(&mut self) -> usize {
        let octets = self.take(2);
        usize::from(u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn long(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().expect("four octets"))
    }

    pub(super) fn long_text(&mut self) -> String {
        String::from_utf8(self.octets().unwrap_or_default()).expect("text")
    }

    pub(super) fn short_octets(&mut self) -> Vec<u8> {
        let octets = self.short();
        self.take(octets)
    }

    pub(super) fn octets(&mut self) -> Option<Vec<u8>> {
        let octets = usize::try_from(self.long()).ok()?;
        Some(self.take(octets))
    }

    /// The values of QUERY or EXECUTE, behind their consistency.
    pub(super) fn values(&mut self) -> Vec<Vec<u8>> {
        self.short();
        let has_values = self.take(1)[0] & 1 != 0;
        let count = if has_values { self.short() } else { 0 };
        (0..count).map(|_| self.octets().unwrap_or_default()).collect()
    }
}
