//! From the bytes of a file to text with headings.

use std::panic::catch_unwind;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::campaign::wire::wire_enum;

/// Text that a document may have, in bytes of UTF-8; more is refused.
pub const MAX_TEXT: usize = 10 << 20;

wire_enum! {
    /// What a document is written in.
    pub enum Format is "format of a document" {
        /// Plain text; paragraphs are separated by empty lines.
        Text = "text",
        /// Markdown.
        Markdown = "markdown",
        /// HTML.
        Html = "html",
        /// PDF with text in it; scanned pages have none.
        Pdf = "pdf",
    }
}

impl Format {
    /// The format of a media type, parameters ignored.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "text/plain" => Some(Self::Text),
            "text/markdown" | "text/x-markdown" => Some(Self::Markdown),
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "application/pdf" => Some(Self::Pdf),
            _ => None,
        }
    }
}

/// A part of a document under one heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The heading; empty before the first one.
    pub heading: String,
    /// Its paragraphs.
    pub paragraphs: Vec<String>,
}

/// Why a document has no text for us: its sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// The bytes are not UTF-8.
    #[error("the text is not UTF-8: save it as UTF-8 and send it again")]
    NotUtf8,
    /// The file is not a PDF, is broken, or is locked by a password.
    #[error("the PDF cannot be read: it is broken or locked by a password")]
    BadPdf,
    /// There is no text in it.
    #[error("there is no text in it; scanned pages have to be recognised (OCR) first")]
    Empty,
    /// There is too much text in it.
    #[error("its text is longer than 10 MiB: split it")]
    TooLong,
}

/// The text of a document. Takes as long as its size asks for: not for a thread that must not wait.
///
/// # Errors
/// [`ExtractError`] says what is wrong with the document.
pub fn extract(format: Format, bytes: &[u8]) -> Result<Vec<Section>, ExtractError> {
    let sections = match format {
        Format::Text => text(utf8(bytes)?),
        Format::Markdown => markdown(utf8(bytes)?),
        Format::Html => html(bytes)?,
        Format::Pdf => pdf(bytes)?,
    };
    let length: usize = sections.iter().flat_map(|section| &section.paragraphs).map(String::len).sum();
    match length {
        0 => Err(ExtractError::Empty),
        1..=MAX_TEXT => Ok(sections),
        _ => Err(ExtractError::TooLong),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, ExtractError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ExtractError::NotUtf8)?;
    Ok(text.trim_start_matches('\u{feff}'))
}

fn text(text: &str) -> Vec<Section> {
    vec![Section { heading: String::new(), paragraphs: paragraphs(text) }]
}

/// Blocks of lines between empty lines, each on one line.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            Some(last) if last.is_empty() => {}
            Some(_) | None => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

fn markdown(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut block = String::new();
    let mut in_heading = false;
    for event in Parser::new_ext(text, pulldown_cmark::Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                finish(&mut sections, &mut block);
                in_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => {
                in_heading = false;
                let heading = std::mem::take(&mut block).trim().to_owned();
                sections.push(Section { heading, paragraphs: Vec::new() });
            }
            Event::Text(words) | Event::Code(words) => block.push_str(&words),
            Event::SoftBreak | Event::HardBreak => block.push(' '),
            Event::End(TagEnd::TableCell) => block.push_str(" | "),
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::CodeBlock | TagEnd::TableRow | TagEnd::TableHead)
                if !in_heading =>
            {
                finish(&mut sections, &mut block);
            }
            // What is left is structure, or markup that has no words of its own.
            Event::Start(_)
            | Event::End(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
    }
    finish(&mut sections, &mut block);
    sections.retain(|section| !section.paragraphs.is_empty() || !section.heading.is_empty());
    sections
}

fn finish(sections: &mut [Section], block: &mut String) {
    let words = block.trim().trim_end_matches('|').trim_end();
    if let Some(last) = sections.last_mut()
        && !words.is_empty()
    {
        last.paragraphs.push(words.to_owned());
    }
    block.clear();
}

/// HTML as Markdown-like text, headings marked by `#`; scripts, styles and links' addresses are left out.
fn html(bytes: &[u8]) -> Result<Vec<Section>, ExtractError> {
    const WIDTH: usize = 100_000;
    let rendered = html2text::config::plain_no_decorate()
        .link_footnotes(false)
        .no_table_borders()
        .string_from_read(bytes, WIDTH)
        .map_err(|_| ExtractError::Empty)?;
    let mut sections = vec![Section::default()];
    let mut block = String::new();
    for line in rendered.lines() {
        if line.starts_with('#') {
            finish(&mut sections, &mut block);
            let heading = line.trim_start_matches('#').trim().to_owned();
            sections.push(Section { heading, paragraphs: Vec::new() });
        } else if line.trim().is_empty() {
            finish(&mut sections, &mut block);
        } else {
            // Links and pictures stand in brackets.
            block.extend(line.trim().trim_start_matches("* ").chars().filter(|c| !matches!(c, '[' | ']')));
            block.push(' ');
        }
    }
    finish(&mut sections, &mut block);
    sections.retain(|section| !section.paragraphs.is_empty() || !section.heading.is_empty());
    Ok(sections)
}

fn pdf(bytes: &[u8]) -> Result<Vec<Section>, ExtractError> {
    // The library panics at some broken files; that is the file's fault.
    let pages = catch_unwind(|| pdf_extract::extract_text_from_mem_by_pages(bytes));
    let pages = pages.ok().and_then(Result::ok).ok_or(ExtractError::BadPdf)?;
    let page = |(index, text): (usize, &String)| Section {
        heading: format!("page {}", index + 1),
        paragraphs: paragraphs(text),
    };
    Ok(pages.iter().enumerate().map(page).filter(|section| !section.paragraphs.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(format: Format, bytes: &[u8]) -> Vec<(String, String)> {
        let sections = extract(format, bytes).expect("it has text");
        sections.into_iter().map(|section| (section.heading, section.paragraphs.join(" / "))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn lines_of_a_paragraph_are_joined() {
        let text = "\u{feff}One\nline.\n\n\nAnother \n one.\n";
        assert_eq!(flat(Format::Text, text.as_bytes()), pairs(&[("", "One line. / Another one.")]));
    }

    #[test]
    fn markdown_keeps_headings_lists_and_tables() {
        let text = "Intro.\n\n# Opening *hours*\n\nMon to Fri `8–18`.\n\n- Sat: 9\n- Sun: closed\n\n## Prices\n\n| Cut | 20 |\n|---|---|\n| Wash | 5 |\n";
        let expected = [
            ("", "Intro."),
            ("Opening hours", "Mon to Fri 8–18. / Sat: 9 / Sun: closed"),
            ("Prices", "Cut | 20 / Wash | 5"),
        ];
        assert_eq!(flat(Format::Markdown, text.as_bytes()), pairs(&expected));
    }

    #[test]
    fn html_loses_its_markup_and_scripts() {
        let page = "<html><head><title>x</title><style>p{}</style><script>alert(1)</script></head><body>\
                    <h1>Hours</h1><p>We open at <b>8</b>.<p>See <a href='http://x.test/'>the map</a>.\
                    <h2>Holidays</h2><ul><li>Closed in May.</li></ul></body></html>";
        let found = flat(Format::Html, page.as_bytes());
        let text = format!("{found:?}");
        assert!(found.iter().any(|(heading, _)| heading == "Hours"), "{text}");
        assert!(found.contains(&("Holidays".to_owned(), "Closed in May.".to_owned())), "{text}");
        for unwanted in ["alert", "p{}", "http", "<", "*"] {
            assert!(!text.contains(unwanted), "{unwanted} in {text}");
        }
    }

    #[test]
    fn broken_and_empty_files_say_so() {
        let cases: [(Format, &[u8], ExtractError); 5] = [
            (Format::Text, b"\xff\xfe", ExtractError::NotUtf8),
            (Format::Text, b" \n \n", ExtractError::Empty),
            (Format::Html, b"<html><script>x</script></html>", ExtractError::Empty),
            (Format::Pdf, b"%PDF-1.7 garbage", ExtractError::BadPdf),
            (Format::Pdf, b"", ExtractError::BadPdf),
        ];
        for (format, bytes, error) in cases {
            assert_eq!(extract(format, bytes), Err(error), "{format}");
        }
        let long = "word ".repeat(MAX_TEXT / 5 + 1);
        assert_eq!(extract(Format::Text, long.as_bytes()), Err(ExtractError::TooLong));
    }

    #[test]
    fn a_pdf_gives_its_pages() {
        let bytes = include_bytes!("fixtures/two_pages.pdf");
        let found = flat(Format::Pdf, bytes);
        assert_eq!(found[0].0, "page 1");
        assert!(found[0].1.contains("Parking is free"), "{found:?}");
        assert!(found[1].1.contains("Bring your insurance card"), "{found:?}");
    }
}
