//! `config show`: every setting with its value and its origin; secrets as `***`, whatever their length.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::resolve::Resolved;
use super::settings::SETTINGS;
use super::value;
use crate::resource::MASK;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShowFormat {
    Table,
    Json,
    Yaml,
}

/// One setting as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingRow {
    pub setting: &'static str,
    /// None where it is not set.
    pub value: Option<String>,
    /// `default`, `file /path:line`, `env NAME` or `flag --name`.
    pub source: String,
}

impl Resolved {
    /// All settings, in the table's order.
    #[must_use]
    pub fn rows(&self) -> Vec<SettingRow> {
        let row = |setting: &super::settings::Setting| {
            let value = self
                .value(setting.name)
                .map(|found| if setting.is_secret() { MASK.to_owned() } else { value::display(&found, setting.shape) });
            SettingRow { setting: setting.name, value, source: self.origin(setting.name) }
        };
        SETTINGS.iter().map(row).collect()
    }

    /// Printed, with a newline at the end.
    #[must_use]
    pub fn show(&self, format: ShowFormat) -> String {
        let rows = self.rows();
        let text = match format {
            ShowFormat::Table => table(&rows),
            // neither can fail for rows of strings
            ShowFormat::Json => serde_json::to_string_pretty(&rows).unwrap_or_default(),
            ShowFormat::Yaml => serde_saphyr::to_string(&rows).unwrap_or_default(),
        };
        format!("{}\n", text.trim_end())
    }
}

fn table(rows: &[SettingRow]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["SETTING", "VALUE", "SOURCE"]);
    for row in rows {
        table.add_row([row.setting, row.value.as_deref().unwrap_or("-"), &row.source]);
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}
