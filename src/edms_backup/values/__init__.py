"""Values as an archive writes them, independent of any product.

| kind | in the archive |
|---|---|
| boolean | `true`, `false` |
| integer | a number |
| float | a number; `"NaN"`, `"Infinity"`, `"-Infinity"` |
| decimal | text, digit for digit: `"12.50"` |
| text, uuid, interval, other | text |
| bytes | base64 text |
| date, time | ISO 8601 text |
| timestamp | `"2025-01-31T12:34:56.5"`; with a time zone in UTC: `"2025-01-31T12:34:56.5+00:00"` |
| json | the document itself, its text untouched |

Objects with one member stand for what does not fit its column's kind: `{"$dangling": raw}` for a reference whose row
does not exist, `{"$json": text}` for a document whose text cannot stand in a line, and `{"$raw": value}`,
`{"$bytes": base64}`, `{"$float": "NaN"}` or `{"$text": base64}` for a value that the database holds against the
column's type.
"""
