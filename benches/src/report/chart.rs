//! The chart: a bar for each ratio, on a logarithmic axis, from the line where both are equal.

use std::fmt::Write;

use super::{ratio, title};
use crate::compare::{Contender, Row};
use crate::targets;

const WIDTH: f64 = 1_000.0;
const TITLES: f64 = 424.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = 48.0;
const BAR: f64 = 10.0;
const BETWEEN_BARS: f64 = 3.0;
const ROW: f64 = 35.0;

/// Bars beyond these ratios are cut, so that a few of them do not squeeze the others.
const CUT: (f64, f64) = (0.02, 10.0);

const INK: &str = "#1f2933";
const FAINT: &str = "#66737f";
const BAND: &str = "#f6f8fa";
const GRID: &str = "#e4e8ec";
const MISSED: &str = "#b42318";

/// A peer in the chart.
struct Peer {
    contender: Contender,
    name: &'static str,
    colour: &'static str,
}

const PEERS: [Peer; 2] = [
    Peer {
        contender: Contender::Tokio,
        name: "filch / tokio",
        colour: "#2563a8",
    },
    Peer {
        contender: Contender::Smol,
        name: "filch / smol",
        colour: "#e08a1e",
    },
];

/// One bar: the ratio and what it should at most be.
struct Bar {
    ratio: f64,
    limit: Option<f64>,
}

impl Bar {
    /// The ratio at which the bar ends.
    fn shown(&self) -> f64 {
        self.ratio.clamp(CUT.0, CUT.1)
    }
}

struct Group {
    title: String,
    bars: [Option<Bar>; 2],
}

/// Where a ratio lies on the page.
struct Axis {
    least: f64,
    greatest: f64,
}

impl Axis {
    fn over(groups: &[Group]) -> Self {
        let bars = || groups.iter().flat_map(|group| &group.bars).flatten();
        let all = || {
            bars()
                .flat_map(|bar| [Some(bar.ratio), bar.limit])
                .flatten()
                .map(|ratio: f64| ratio.clamp(CUT.0, CUT.1))
        };
        // A little beyond the extremes there is room for the numbers at the ends of the bars.
        let least = all().fold(0.5, f64::min) * 0.62;
        let greatest = all().fold(1.25, f64::max) * 1.6;
        Self { least, greatest }
    }

    fn x(&self, ratio: f64) -> f64 {
        let share = (ratio / self.least).ln() / (self.greatest / self.least).ln();
        TITLES + share.clamp(0.0, 1.0) * (WIDTH - RIGHT - TITLES)
    }

    /// The round numbers on the axis.
    fn ticks(&self) -> Vec<f64> {
        let decades =
            (-4..4).flat_map(|exponent| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(exponent)));
        decades
            .filter(|tick| *tick > self.least && *tick < self.greatest)
            .collect()
    }
}

/// The chart of all rows that have a ratio to a peer, as an SVG document.
pub fn chart(rows: &[Row]) -> String {
    let groups: Vec<Group> = rows
        .iter()
        .map(group)
        .filter(|group| group.bars.iter().any(Option::is_some))
        .collect();
    let axis = Axis::over(&groups);
    let height = TOP + groups.len() as f64 * ROW + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n"
    );
    head(&mut svg);
    for number in (0..groups.len()).step_by(2) {
        let top = TOP + number as f64 * ROW - (ROW - 2.0 * BAR - BETWEEN_BARS) / 2.0;
        rectangle(&mut svg, 10.0, top, WIDTH - 20.0, ROW, BAND);
    }
    grid(&mut svg, &axis, height);
    for (number, group) in groups.iter().enumerate() {
        draw(&mut svg, &axis, group, TOP + number as f64 * ROW);
    }
    line(
        &mut svg,
        axis.x(1.0),
        TOP - 6.0,
        height - BOTTOM + 4.0,
        INK,
        1.5,
    );
    svg.push_str("</svg>\n");
    svg
}

fn group(row: &Row) -> Group {
    let target = targets::find(row.workload.name, row.metric);
    let bar = |peer: &Peer| {
        let limit = target.and_then(|target| match peer.contender {
            Contender::Tokio => target.tokio,
            _ => target.smol,
        });
        let found = row.ratios(Contender::Filch, peer.contender)?;
        Some(Bar {
            ratio: found.median,
            limit,
        })
    };
    Group {
        title: title(row),
        bars: [bar(&PEERS[0]), bar(&PEERS[1])],
    }
}

/// Title, explanation and legend.
fn head(svg: &mut String) {
    text(
        svg,
        24.0,
        34.0,
        "start",
        INK,
        "filch beside tokio and smol",
        " font-size=\"18\" font-weight=\"600\"",
    );
    let explanation =
        "Ratio of medians, logarithmic. Bars to the left of the line: filch needs less.";
    text(svg, 24.0, 56.0, "start", FAINT, explanation, "");
    let mut x = 24.0;
    for peer in &PEERS {
        rectangle(svg, x, 70.0, 14.0, BAR, peer.colour);
        text(svg, x + 20.0, 79.0, "start", INK, peer.name, "");
        x += 124.0;
    }
    line(svg, x + 6.0, 68.0, 82.0, INK, 2.0);
    text(svg, x + 16.0, 79.0, "start", INK, "target", "");
    text(
        svg,
        x + 84.0,
        79.0,
        "start",
        MISSED,
        "target missed",
        " font-weight=\"600\"",
    );
}

fn grid(svg: &mut String, axis: &Axis, height: f64) {
    for tick in axis.ticks() {
        let x = axis.x(tick);
        line(svg, x, TOP - 6.0, height - BOTTOM + 4.0, GRID, 1.0);
        let label = format!("{tick}");
        text(svg, x, height - BOTTOM + 22.0, "middle", FAINT, &label, "");
    }
}

fn draw(svg: &mut String, axis: &Axis, group: &Group, top: f64) {
    let middle = top + BAR + BETWEEN_BARS / 2.0 + 4.0;
    text(svg, TITLES - 24.0, middle, "end", INK, &group.title, "");
    for (number, (bar, peer)) in group.bars.iter().zip(&PEERS).enumerate() {
        if let Some(bar) = bar {
            let y = top + number as f64 * (BAR + BETWEEN_BARS);
            draw_bar(svg, axis, bar, peer.colour, y);
            label(svg, axis, bar, y);
        }
    }
}

fn draw_bar(svg: &mut String, axis: &Axis, bar: &Bar, colour: &str, y: f64) {
    let (one, end) = (axis.x(1.0), axis.x(bar.shown()));
    rectangle(
        svg,
        one.min(end),
        y,
        (one - end).abs().max(1.0),
        BAR,
        colour,
    );
    if bar.shown() != bar.ratio {
        // Two gaps near the end of a bar say that it goes on.
        let inward = if bar.ratio < 1.0 { 1.0 } else { -1.0 };
        for gap in [6.0, 11.0] {
            line(svg, end + inward * gap, y, y + BAR, "#ffffff", 2.0);
        }
    }
    if let Some(limit) = bar.limit {
        line(svg, axis.x(limit), y - 1.0, y + BAR + 1.0, INK, 2.0);
    }
}

/// Writes the ratio beside the end of its bar, clear of the target's mark.
fn label(svg: &mut String, axis: &Axis, bar: &Bar, y: f64) {
    let missed = bar.limit.is_some_and(|limit| bar.ratio > limit);
    let (colour, weight) = if missed {
        (MISSED, " font-weight=\"600\"")
    } else {
        (FAINT, "")
    };
    let end = axis.x(bar.shown());
    let (x, anchor) = if bar.ratio <= 1.0 {
        let mark = bar.limit.map_or(end, |limit| axis.x(limit));
        let in_the_way = mark < end && end - mark < 34.0;
        (if in_the_way { mark } else { end } - 5.0, "end")
    } else {
        (end + 5.0, "start")
    };
    let style = format!("{weight} font-size=\"10.5\"");
    text(
        svg,
        x,
        y + BAR - 1.2,
        anchor,
        colour,
        &ratio(bar.ratio),
        &style,
    );
}

fn rectangle(svg: &mut String, x: f64, y: f64, width: f64, height: f64, colour: &str) {
    put(
        svg,
        format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"1.5\" fill=\"{colour}\"/>"
        ),
    );
}

fn line(svg: &mut String, x: f64, top: f64, bottom: f64, colour: &str, width: f64) {
    put(
        svg,
        format_args!(
            "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        ),
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, colour: &str, content: &str, style: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    put(
        svg,
        format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\"{style}>{content}</text>"
        ),
    );
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(svg, "{element}").expect("writing to a string never fails");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis() -> Axis {
        let bar = |ratio, limit| Some(Bar { ratio, limit });
        Axis::over(&[Group {
            title: String::new(),
            bars: [bar(0.03, Some(0.02)), bar(2.5, None)],
        }])
    }

    #[test]
    fn the_axis_keeps_order_and_holds_every_ratio() {
        let axis = axis();
        let places: Vec<f64> = [0.02, 0.03, 1.0, 2.5].map(|ratio| axis.x(ratio)).to_vec();
        assert!(places.is_sorted_by(|left, right| left < right));
        assert!(places[0] > TITLES && places[3] < WIDTH - RIGHT);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = axis().ticks();
        assert!(ticks.contains(&1.0) && ticks.contains(&0.05));
        assert!(
            ticks
                .iter()
                .all(|tick| (TITLES..WIDTH - RIGHT).contains(&axis().x(*tick)))
        );
    }

    #[test]
    fn text_is_escaped() {
        let mut svg = String::new();
        text(&mut svg, 0.0, 0.0, "start", INK, "a < b & c", "");
        assert!(svg.contains("a &lt; b &amp; c"));
    }
}
