//! What the tests need of a sheet: its headings, links, console blocks and excerpts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::Context;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// One page of Markdown.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Where it is, relative to the root of the repository.
    pub path: PathBuf,
    /// Its headings in order.
    pub headings: Vec<Heading>,
    /// Its links and images, in order.
    pub links: Vec<Link>,
    /// Its console blocks, in order.
    pub consoles: Vec<ConsoleBlock>,
    /// Its `rust` blocks and whatever else stands below a line that names a region.
    pub excerpts: Vec<Excerpt>,
}

/// A heading and its anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What a link to it says after the `#`, as GitHub and mdBook make it.
    pub anchor: String,
}

/// A link to another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The line on the sheet.
    pub line: usize,
    /// A path relative to the sheet, an anchor, or a URL.
    pub target: String,
}

/// A fenced block with the info string `console`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleBlock {
    /// The line of its first line of text.
    pub line: usize,
    /// What stands between the fences.
    pub text: String,
    /// What the user types, in order.
    pub types: Vec<String>,
    /// What the block needs to run.
    pub needs: Vec<String>,
}

/// A fenced block of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line of its first line of text.
    pub line: usize,
    /// The source.
    pub text: String,
    /// Where it comes from; `None` when the line above does not say.
    pub origin: Option<Origin>,
}

/// Where an excerpt comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, relative to the sheet.
    pub file: String,
    /// `fn`, `struct`, `enum`, `impl`, `const` or `file`.
    pub kind: String,
    /// The name of the item; empty for `file`.
    pub name: String,
}

impl Sheet {
    /// Reads the page at `path`, which is relative to `root`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read(root: &Path, path: &Path) -> anyhow::Result<Self> {
        let file = root.join(path);
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self::parse(path, &text))
    }

    /// Takes a page apart.
    pub fn parse(path: &Path, text: &str) -> Self {
        let mut reader = Reader {
            source: text,
            line_starts: line_starts(text),
            sheet: Sheet {
                path: path.to_owned(),
                headings: Vec::new(),
                links: Vec::new(),
                consoles: Vec::new(),
                excerpts: Vec::new(),
            },
            anchors: HashMap::new(),
            comments: Vec::new(),
            origin: None,
        };
        reader.read();
        reader.sheet
    }
}

struct Reader<'a> {
    source: &'a str,
    line_starts: Vec<usize>,
    sheet: Sheet,
    /// How often each anchor has been given out: the second one is called `name-1`.
    anchors: HashMap<String, usize>,
    /// The comments directly above the current place.
    comments: Vec<String>,
    /// The region that the paragraph directly above names.
    origin: Option<Origin>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        let mut heading: Option<String> = None;
        let mut code: Option<(String, Option<usize>, String)> = None;
        for (event, range) in Parser::new_ext(self.source, options).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => {
                    self.between_blocks();
                    heading = Some(String::new());
                }
                Event::End(TagEnd::Heading(_)) => {
                    let text = heading.take().unwrap_or_default();
                    self.add_heading(&text);
                }
                Event::Start(
                    Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. },
                ) => {
                    let line = self.line_at(range.start);
                    self.sheet.links.push(Link {
                        line,
                        target: dest_url.to_string(),
                    });
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    code = Some((info, None, String::new()));
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((info, line, text)) = code.take() {
                        let line = line.unwrap_or_else(|| self.line_at(range.start) + 1);
                        self.add_code(&info, line, text);
                    }
                }
                Event::Text(text) => {
                    if let Some((_, line, code)) = &mut code {
                        line.get_or_insert(line_at(&self.line_starts, range.start));
                        code.push_str(&text);
                    } else if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Start(Tag::Paragraph) => {
                    self.between_blocks();
                    self.origin = self.source.get(range).and_then(origin_in);
                }
                Event::Html(html) => self.add_html(&html),
                Event::Start(
                    Tag::List(_) | Tag::Item | Tag::Table(_) | Tag::BlockQuote(_),
                )
                | Event::Rule => self.between_blocks(),
                _ => {}
            }
        }
    }

    /// Forgets what only counts directly above a block.
    fn between_blocks(&mut self) {
        self.comments.clear();
        self.origin = None;
    }

    fn add_html(&mut self, html: &str) {
        match html
            .trim()
            .strip_prefix("<!--")
            .and_then(|rest| rest.strip_suffix("-->"))
        {
            Some(comment) => self.comments.push(comment.to_owned()),
            None if html.trim().is_empty() => {}
            None => self.between_blocks(),
        }
    }

    fn add_heading(&mut self, text: &str) {
        let slug = slug(text);
        let seen = self.anchors.entry(slug.clone()).or_insert(0);
        let anchor = match *seen {
            0 => slug,
            n => format!("{slug}-{n}"),
        };
        *seen += 1;
        self.sheet.headings.push(Heading { anchor });
    }

    fn add_code(&mut self, info: &str, line: usize, text: String) {
        let comments = std::mem::take(&mut self.comments);
        let origin = self.origin.take();
        if info == "console" {
            let values = |key: &str| {
                comments
                    .iter()
                    .filter_map(|comment| comment.trim_start().strip_prefix(key))
                    .map(|value| value.trim().to_owned())
                    .collect()
            };
            self.sheet.consoles.push(ConsoleBlock {
                line,
                text,
                types: values("types:"),
                needs: values("needs:"),
            });
        } else if info == "rust" || origin.is_some() {
            self.sheet.excerpts.push(Excerpt { line, text, origin });
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        line_at(&self.line_starts, offset)
    }
}

/// ``[text](file), fn `name` ``
static ORIGIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\]\(([^)#]+)\),?\s+(?:(fn|struct|enum|impl|const|static|trait|mod)\s+`([^`]+)`|(file)\b)",
    )
    .ok()
});

/// Finds ``[text](file), fn `name` `` in a paragraph.
fn origin_in(paragraph: &str) -> Option<Origin> {
    let pattern = ORIGIN.as_ref()?;
    let found = pattern.captures_iter(paragraph).last()?;
    let group = |n| found.get(n).map(|group| group.as_str().to_owned());
    Some(Origin {
        file: group(1)?,
        kind: group(2).or_else(|| group(4))?,
        name: group(3).unwrap_or_default(),
    })
}

/// Returns the anchor of a heading as GitHub makes it: lower case, punctuation dropped,
/// each space a hyphen.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|char| match char {
            ' ' => Some('-'),
            '-' | '_' => Some(char),
            _ if char.is_alphanumeric() => Some(char),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

fn line_starts(text: &str) -> Vec<usize> {
    let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after_newlines).collect()
}

fn line_at(line_starts: &[usize], offset: usize) -> usize {
    line_starts.partition_point(|start| *start <= offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Sheet {
        Sheet::parse(Path::new("labs/x.md"), text)
    }

    #[test]
    fn comments_directly_above_a_block_belong_to_it() {
        let sheet = parse(
            "Text.\n\n<!-- types: far -->\n\nMore.\n\n<!-- types: hello  -->\n<!-- types:  quit -->\n<!-- needs: nc -->\n\n```console\n# Terminal 1\n$ nc\n```\n",
        );
        assert_eq!(
            sheet.consoles,
            [ConsoleBlock {
                line: 12,
                text: "# Terminal 1\n$ nc\n".to_owned(),
                types: vec!["hello".to_owned(), "quit".to_owned()],
                needs: vec!["nc".to_owned()],
            }]
        );
    }

    #[test]
    fn an_excerpt_knows_its_file_and_region() {
        let sheet = parse(
            "[crates/a.rs](../crates/a.rs), fn `greet`:\n\n```rust\nlet a = 1;\n```\n\nOther\n\n```rust\nx\n```\n\n```rust,ignore\ny\n```\n",
        );
        let origin = Origin {
            file: "../crates/a.rs".to_owned(),
            kind: "fn".to_owned(),
            name: "greet".to_owned(),
        };
        assert_eq!(sheet.excerpts.len(), 2);
        assert_eq!(sheet.excerpts[0].origin, Some(origin));
        assert_eq!(sheet.excerpts[0].line, 4);
        assert_eq!(sheet.excerpts[1].origin, None);
    }

    #[test]
    fn anchors_are_made_as_on_github() {
        let sheet = parse("# 4. TCP: `a_b` & more\n\n## Step 1: go!\n\n## Step 1: go\n");
        let anchors: Vec<_> = sheet.headings.iter().map(|h| h.anchor.as_str()).collect();
        assert_eq!(anchors, ["4-tcp-a_b--more", "step-1-go", "step-1-go-1"]);
    }
}
