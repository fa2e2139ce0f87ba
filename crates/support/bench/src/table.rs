//! The table: medians, spread, ratios, goals.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::{Comparison, Figures};

/// Draws the results of one comparison, one line per contender.
pub fn render(comparison: &Comparison, results: &[Figures]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        comparison.title.as_str(),
        comparison.unit,
        "least … most",
        "ratio",
        "goal",
    ]);
    let ours = results.first().and_then(median);
    for (index, (contender, figures)) in
        comparison.contenders.iter().zip(results).enumerate()
    {
        let row = match (figures, median(figures)) {
            (Err(reason), _) => [
                format!("not measured: {reason}"),
                String::new(),
                String::new(),
            ],
            (Ok(_), None) => ["not measured".to_owned(), String::new(), String::new()],
            (Ok(figures), Some(median)) => [
                grouped(median),
                spread(figures),
                match ours {
                    Some(ours) if index > 0 => format!("{:.2}", ours / median),
                    _ => String::new(),
                },
            ],
        };
        let [figure, spread, ratio] = row;
        let goal = contender
            .goal
            .map_or_else(String::new, |goal| format!("{goal:.2}"));
        table.add_row([contender.name.to_owned(), figure, spread, ratio, goal]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn median(figures: &Figures) -> Option<f64> {
    let mut sorted = figures.as_ref().ok()?.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn spread(figures: &[f64]) -> String {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figures.iter().copied().fold(0.0, f64::max);
    format!("{} … {}", grouped(least), grouped(most))
}

/// Writes a figure with its thousands apart: 12,345.
fn grouped(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
