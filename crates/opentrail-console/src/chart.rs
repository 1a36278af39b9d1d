//! Charts, drawn here as SVG. Their colours come from the style sheet, so that they fit light and dark: what is drawn in one
//! of our placeholder colours gets a class instead.

use crate::times::Moment;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use time::OffsetDateTime;
use time::macros::format_description;

/// Size in units of the drawing; the style sheet lets it fill the width there is.
const WIDTH: u32 = 1_000;
const HEIGHT: u32 = 150;
/// Most series of one line chart; each has a colour.
pub const MAX_SERIES: usize = 6;

const BAR: RGBColor = RGBColor(1, 0, 1);
const BAD: RGBColor = RGBColor(2, 0, 2);
const LINE: RGBColor = RGBColor(3, 0, 3);
const TEXT: RGBColor = RGBColor(4, 0, 4);
const SERIES: [RGBColor; MAX_SERIES] =
    [RGBColor(10, 0, 1), RGBColor(10, 0, 2), RGBColor(10, 0, 3), RGBColor(10, 0, 4), RGBColor(10, 0, 5), RGBColor(10, 0, 6)];

/// A chart for a page, and where in it the time runs.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// Safe to put into a page.
    pub svg: String,
    /// Left and right end of the plot, in units of the drawing.
    pub left: i32,
    pub right: i32,
    pub width: u32,
    /// The times at these ends, seconds since 1970.
    pub from: i64,
    pub to: i64,
}

/// One bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Seconds since 1970.
    pub begins: i64,
    pub count: u64,
    /// Of these, how many are errors.
    pub bad: u64,
}

/// A line of a chart.
#[derive(Debug, Clone)]
pub struct Series {
    pub points: Vec<(i64, f64)>,
}

/// How many events when; errors in their own colour at the bottom. `title` is read to those who do not see it.
pub fn histogram(bars: &[Bar], bar_seconds: i64, from: i64, to: i64, title: &str) -> Chart {
    // Counts have no halves, so that there is room for whole marks.
    let highest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(4);
    let (from, to) = within_reason(from, to);
    drawn(from, to, f64_of(highest) * 1.05, title, |chart| {
        let step = bar_seconds.max(1);
        for bar in bars {
            let (start, end) = (bar.begins.max(from), bar.begins.saturating_add(step).min(to));
            if end <= start {
                continue;
            }
            // A gap between bars, where they are wide enough for one.
            let gap = u32::from((end - start).saturating_mul(i64::from(WIDTH)) / (to - from) >= 4);
            let mut block = |low: u64, high: u64, color: RGBColor| {
                let mut block = Rectangle::new([(start, f64_of(low)), (end, f64_of(high))], color.filled());
                block.set_margin(0, 0, 0, gap);
                chart.draw_series([block]).is_ok()
            };
            if bar.count > 0 {
                let bad = bar.bad.min(bar.count);
                block(bad, bar.count, BAR);
                if bad > 0 {
                    block(0, bad, BAD);
                }
            }
        }
    })
}

/// Values over time, a line per series, at most [`MAX_SERIES`].
pub fn lines(series: &[Series], from: i64, to: i64, title: &str) -> Chart {
    let highest = series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|value| value.is_finite());
    let highest = highest.fold(0.0_f64, f64::max).max(f64::MIN_POSITIVE);
    let (from, to) = within_reason(from, to);
    drawn(from, to, highest * 1.05, title, |chart| {
        for (line, color) in series.iter().zip(SERIES) {
            let points = line.points.iter().filter(|(at, value)| (from..=to).contains(at) && value.is_finite()).copied();
            let _ = chart.draw_series([PathElement::new(points.clone().collect::<Vec<_>>(), color.stroke_width(2))]);
            let _ = chart.draw_series(points.map(|point| Circle::new(point, 2, color.filled())));
        }
    })
}

/// Times that can be written, the end after the beginning.
fn within_reason(from: i64, to: i64) -> (i64, i64) {
    const FAR: i64 = 250_000_000_000;
    let from = from.clamp(-FAR, FAR);
    (from, to.clamp(from + 1, FAR + 1))
}

/// Times that are written below a chart: full minutes, hours, days.
fn marks(from: i64, to: i64) -> Vec<i64> {
    const STEPS: [i64; 16] =
        [1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];
    const MOST: i64 = 10;
    let step = STEPS.into_iter().find(|step| (to - from) / step <= MOST).unwrap_or((to - from) / MOST);
    let first = from.div_euclid(step) + i64::from(from.rem_euclid(step) > 0);
    (first..).map(|mark| mark * step).take_while(|mark| *mark <= to).collect()
}

type Plot<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<
        plotters::coord::combinators::WithKeyPoints<plotters::coord::types::RangedCoordi64>,
        plotters::coord::types::RangedCoordf64,
    >,
>;

fn drawn(from: i64, to: i64, highest: f64, title: &str, draw: impl FnOnce(&mut Plot<'_, '_>)) -> Chart {
    let mut text = String::new();
    let (mut left, mut right) = (0, 0);
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
        let built = ChartBuilder::on(&area)
            .margin(4)
            .margin_right(12)
            .x_label_area_size(20)
            .y_label_area_size(48)
            .build_cartesian_2d((from..to).with_key_points(marks(from, to)), 0.0..highest);
        // Writing to memory cannot fail, and an empty chart is no reason not to show the page.
        if let Ok(mut chart) = built {
            let below = TextStyle::from(("sans-serif", 13).into_font()).color(&TEXT).pos(Pos::new(HPos::Center, VPos::Top));
            let label = |at: &i64| label(*at, to - from);
            let _ = chart
                .configure_mesh()
                .disable_x_mesh()
                .x_labels(12)
                .y_labels(3)
                .x_label_formatter(&label)
                .y_label_formatter(&|count| short_number(*count))
                .axis_style(LINE)
                .bold_line_style(LINE)
                .light_line_style(TRANSPARENT)
                .x_label_style(below)
                .y_label_style(TextStyle::from(("sans-serif", 13).into_font()).color(&TEXT))
                .draw();
            draw(&mut chart);
            let pixels = chart.plotting_area().get_pixel_range().0;
            (left, right) = (pixels.start, pixels.end);
        }
        let _ = area.present();
    }
    Chart { svg: themed(&text, title), left, right, width: WIDTH, from, to }
}

fn label(at: i64, span: i64) -> String {
    let Some(Moment(at)) = Moment::at_seconds(at) else { return String::new() };
    let at: OffsetDateTime = at;
    let text = match span {
        ..=600 => at.format(format_description!("[hour]:[minute]:[second]")),
        601..=172_800 => at.format(format_description!("[hour]:[minute]")),
        172_801..=864_000 => at.format(format_description!("[month]-[day] [hour]:[minute]")),
        _ => at.format(format_description!("[year]-[month]-[day]")),
    };
    text.unwrap_or_default()
}

fn f64_of(count: u64) -> f64 {
    count as f64
}

/// `1.2k`, `3M`.
fn short_number(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e4 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let text = if value >= 100.0 || value.fract().abs() < 0.05 { format!("{value:.0}") } else { format!("{value:.1}") };
    text + unit
}

/// Placeholder colours become classes; a name for those who do not see it.
fn themed(text: &str, title: &str) -> String {
    let mut text = text.to_owned();
    let named = [("#010001", "c-bar"), ("#020002", "c-bad"), ("#030003", "c-line"), ("#040004", "c-text")];
    for (color, class) in named {
        text = classed(&text, color, class);
    }
    for index in 0..MAX_SERIES {
        text = classed(&text, &format!("#0A00{:02X}", index + 1), &format!("c-series-{}", index + 1));
    }
    let mut name = String::new();
    crate::inert::push_inert(&mut name, title);
    let size = format!("width=\"{WIDTH}\" height=\"{HEIGHT}\"");
    text.replacen(&size, &format!("class=\"chart\" role=\"img\" aria-label=\"{name}\""), 1)
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" font-family=\"sans-serif\"", "")
}

fn classed(text: &str, color: &str, class: &str) -> String {
    text.replace(&format!("fill=\"{color}\""), &format!("class=\"{class} filled\""))
        .replace(&format!("stroke=\"{color}\""), &format!("class=\"{class} drawn\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_hold_no_colours_and_no_styles_of_their_own() {
        let bars =
            [Bar { begins: 0, count: 5, bad: 2 }, Bar { begins: 60, count: 0, bad: 0 }, Bar { begins: 120, count: 9, bad: 0 }];
        let chart = histogram(&bars, 60, 0, 180, "events <b>");
        assert!(!chart.svg.contains("style=") && !chart.svg.contains("#0"), "{}", chart.svg);
        assert_eq!(chart.svg.matches("c-bad").count(), 1);
        assert_eq!(chart.svg.matches("c-bar").count(), 2);
        assert!(chart.svg.contains("aria-label=\"events &#60;b&#62;\""));
        assert!(chart.left > 0 && chart.right > chart.left);
        let points = vec![(0, 1.0), (60, f64::NAN), (120, 3.0)];
        let lines = lines(&[Series { points }], 0, 180, "values");
        assert!(lines.svg.contains("c-series-1") && !lines.svg.contains("NaN"), "{}", lines.svg);
    }

    #[test]
    fn empty_and_odd_charts_are_drawn() {
        for (from, to) in [(0, 0), (5, 1), (i64::MAX - 10, i64::MAX), (-1, 1)] {
            histogram(&[Bar { begins: from, count: u64::MAX, bad: u64::MAX }], 0, from, to.max(from), "x");
        }
        lines(&[], 0, 1, "none");
    }

    #[test]
    fn full_times_are_written() {
        assert_eq!(marks(10, 86_410), (1..=8).map(|hours| hours * 10_800).collect::<Vec<_>>());
        assert_eq!(marks(-7, 3), (-7..=3).collect::<Vec<_>>());
        for (from, to) in [(0, 1), (0, 400 * 86_400), (-250_000_000_000, 250_000_000_000)] {
            assert!((1..=12).contains(&marks(from, to).len()), "{from} {to}");
        }
    }

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> = [0.0, 2.5, 9_999.0, 12_345.0, 2e6, 3.5e9].map(short_number).to_vec();
        assert_eq!(shown, ["0", "2.5", "9999", "12.3k", "2M", "3.5G"]);
    }
}
