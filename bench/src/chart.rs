//! Bar charts as SVG: groups of horizontal bars on a common scale that starts at zero. The background
//! is transparent, and everything can be read on white and on black.

use std::fmt::Write;

use crate::table::number;

/// Height of a bar, and from one bar to the next, in pixels.
const BAR: f64 = 9.0;
const BAR_STEP: f64 = 11.0;
/// Space between groups.
const GROUP_GAP: f64 = 14.0;
/// Where bars start.
const LEFT: f64 = 120.0;
/// The length of the longest bar.
const LENGTH: f64 = 560.0;
/// Everything, with room for the number at the end of a bar.
const WIDTH: f64 = 740.0;
/// Height of title, note and legend.
const TOP: f64 = 92.0;

/// How text and lines look. Grey that is dark enough on white is light enough on black.
const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:#747c87}.title{font-size:16px;\
    font-weight:600}.group{font-weight:600;text-anchor:end}.value{font-size:9px}\
    .tick{text-anchor:middle}line{stroke:#747c87;stroke-opacity:.3}";

/// What a chart shows.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Its title.
    pub title: String,
    /// What a bar's length means.
    pub note: String,
    /// Name and CSS colour of the bars of each group, in their order.
    pub series: Vec<(String, String)>,
    /// Name and values of the groups, a value a series.
    pub groups: Vec<(String, Vec<Option<f64>>)>,
    /// Whether each group has a scale of its own, where one would leave nothing to see of some.
    pub own_scales: bool,
}

impl Chart {
    /// The chart as an SVG document.
    pub fn to_svg(&self) -> String {
        let group_height = BAR_STEP * self.series.len() as f64 + GROUP_GAP;
        let bottom = TOP + group_height * self.groups.len() as f64;
        let most = self.groups.iter().map(|(_, values)| largest(values));
        let most = most.fold(0.0, f64::max);
        let common = LENGTH / most.max(f64::MIN_POSITIVE);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" width=\"{WIDTH}\" \
             role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
            bottom + 24.0,
            escape(&self.title),
        );
        text(&mut svg, "title", 16.0, 26.0, &self.title);
        text(&mut svg, "note", 16.0, 46.0, &self.note);
        let mut x = 16.0;
        for (name, color) in &self.series {
            rect(&mut svg, x, 61.0, 10.0, color);
            text(&mut svg, "key", x + 15.0, 70.0, name);
            x += 30.0 + 6.3 * name.chars().count() as f64;
        }
        if !self.own_scales {
            scale_lines(&mut svg, most, common, bottom);
        }
        for (group, (name, values)) in self.groups.iter().enumerate() {
            let top = TOP + group_height * group as f64 + GROUP_GAP / 2.0;
            let middle = top + BAR_STEP * self.series.len() as f64 / 2.0 + 3.0;
            text(&mut svg, "group", LEFT - 10.0, middle, name);
            let scale = match self.own_scales {
                true => LENGTH / largest(values).max(f64::MIN_POSITIVE),
                false => common,
            };
            let bars = values.iter().zip(&self.series).enumerate();
            for (i, (value, (_, color))) in bars {
                let Some(value) = *value else { continue };
                let y = top + BAR_STEP * i as f64;
                let length = value * scale;
                rect(&mut svg, LEFT, y, length, color);
                text(
                    &mut svg,
                    "value",
                    LEFT + length + 4.0,
                    y + 8.0,
                    &number(Some(value)),
                );
            }
        }
        svg + "</svg>\n"
    }
}

/// Lines across all groups where values are round.
fn scale_lines(svg: &mut String, most: f64, scale: f64, bottom: f64) {
    let tick = tick(most);
    for i in 0..=(most / tick) as u32 {
        let value = f64::from(i) * tick;
        let x = LEFT + value * scale;
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            svg,
            r#"<line x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}"/>"#
        );
        let label = format!("{}", (value * 1e6).round() / 1e6);
        text(svg, "tick", x, bottom + 15.0, &label);
    }
}

/// The largest of the values there are, or 0.
fn largest(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().copied().fold(0.0, f64::max)
}

/// A bar, or a legend's patch of colour.
fn rect(svg: &mut String, x: f64, y: f64, width: f64, color: &str) {
    let _ = writeln!(
        svg,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{BAR}" rx="1.5" fill="{color}"/>"#
    );
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let text = escape(text);
    let _ = writeln!(
        svg,
        r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#
    );
}

/// The step of the scale: 1, 2 or 5 times a power of ten, so that there are at most six.
fn tick(most: f64) -> f64 {
    let power = 10f64.powf((most.max(1e-9) / 6.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let enough = steps.into_iter().find(|step| most / step <= 6.0);
    enough.unwrap_or(steps[3])
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Chart, tick};

    #[test]
    fn steps_are_round() {
        assert_eq!(tick(100.0), 20.0);
        assert_eq!(tick(1.2), 0.2);
        assert_eq!(tick(5.9), 1.0);
        assert_eq!(tick(25.0), 5.0);
        assert!(tick(0.0) > 0.0);
    }

    /// The lengths of the bars.
    fn bars(svg: &str) -> Vec<&str> {
        let rects = svg
            .lines()
            .filter(|line| line.starts_with("<rect x=\"120.0\""));
        rects
            .map(|line| line.split('"').nth(5).expect("a width"))
            .collect()
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let chart = Chart {
            title: "a < b & c".to_owned(),
            note: "longer is more".to_owned(),
            series: vec![
                ("x".to_owned(), "red".to_owned()),
                ("y".to_owned(), "blue".to_owned()),
            ],
            groups: vec![
                ("first".to_owned(), vec![Some(50.0), Some(100.0)]),
                ("second".to_owned(), vec![None, Some(25.0)]),
            ],
            own_scales: false,
        };
        let svg = chart.to_svg();
        assert_eq!(bars(&svg), ["280.0", "560.0", "140.0"]);
        let own_scales = Chart {
            own_scales: true,
            ..chart
        };
        assert_eq!(bars(&own_scales.to_svg()), ["280.0", "560.0", "560.0"]);
        assert!(svg.contains("<title>a &lt; b &amp; c</title>"), "{svg}");
        // Scale, groups and legend are labelled.
        for label in [">0<", ">100<", ">first<", ">second<", ">x<", ">y<"] {
            assert!(svg.contains(label), "{label} in {svg}");
        }
    }
}
