//! Endpoints without what they may hold secret: users, passwords, options.

/// `text` with `…` where an endpoint in it has a user, a password or options; a member of a list that is written so that
/// these cannot be told from the rest keeps nothing but its scheme. What is no endpoint stays as it is.
pub(crate) fn without_secrets(text: &str) -> String {
    if !text.contains("://") {
        return text.to_owned();
    }
    // Whatever lies between two endpoints may belong to the first one's secret.
    let is_clear = text.split(',').skip_while(|part| !part.contains("://")).all(|part| part.contains("://"));
    let part = |(index, part): (usize, &str)| match part.split_once("://") {
        Some((scheme, rest)) if is_clear => format!("{}://{}", open(scheme), address(rest)),
        Some((scheme, _)) => format!("{}://…", open(scheme)),
        None if index == 0 => open(part),
        None => "…".to_owned(),
    };
    text.split(',').enumerate().map(part).collect::<Vec<_>>().join(",")
}

/// `text` in which some endpoint may be named, such as an error: each without secrets, `typed` first, which may be made of
/// anything, and of which a part may be named alone.
pub(crate) fn told_without_secrets(text: &str, typed: Option<&str>) -> String {
    let mut text = text.to_owned();
    if let Some(typed) = typed.filter(|typed| !typed.is_empty()) {
        text = text.replace(typed, &without_secrets(typed));
        for secret in secrets(typed) {
            text = text.replace(secret, "…");
        }
    }
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let bare = word.trim_end_matches(char::is_whitespace);
            without_secrets(bare) + &word[bare.len()..]
        })
        .collect()
}

/// What may be secret of an endpoint, longest first: its user and password, its options and their values. A part of one or
/// two letters is left: it would be found in every word.
fn secrets(endpoint: &str) -> Vec<&str> {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let users = [rest, before].into_iter().filter_map(|text| text.rsplit_once('@')).map(|(user, _)| user);
    let users: Vec<_> = users.collect();
    let passwords = users.iter().filter_map(|user| user.split_once(':')).map(|(_, password)| password);
    let options = query.split(['&', ',']);
    let values = options.clone().filter_map(|option| option.split_once('=')).map(|(_, value)| value);
    let all = users.iter().copied().chain(passwords).chain([query]).chain(options).chain(values);
    let mut all: Vec<_> = all.filter(|part| part.len() > 2).collect();
    all.sort_by_key(|part| std::cmp::Reverse(part.len()));
    all
}

/// What may be seen of the text before `://`: a flag and a scheme, but no options of a list.
fn open(before: &str) -> String {
    let (flag, rest) = match before.split_once('=') {
        Some((flag, rest)) if flag.starts_with("--") => (format!("{flag}="), rest),
        _ => (String::new(), before),
    };
    match rest.rsplit_once(':') {
        Some((list, member)) if is_name(list) && is_name(member) => format!("{flag}{rest}"),
        Some((list, _)) if is_name(list) => format!("{flag}{list}:…"),
        None if is_name(rest) => format!("{flag}{rest}"),
        _ => format!("{flag}…"),
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// What may be seen of the text behind `://`.
fn address(rest: &str) -> String {
    match (rest.rfind('@'), rest.find('?')) {
        // A password may hold a `?`, and an option an `@`.
        (Some(at), Some(query)) if query < at => "…".to_owned(),
        (at, query) => {
            let user = if at.is_some() { "…@" } else { "" };
            let options = if query.is_some() { "?…" } else { "" };
            let address = &rest[at.map_or(0, |at| at + 1)..query.unwrap_or(rest.len())];
            format!("{user}{address}{options}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoints_secrets_are_left_out() {
        for (typed, kept) in [
            ("tcp://user:pw@host:1?key=k", "tcp://…@host:1?…"),
            ("--target=tcp://user:pw@host:1/path", "--target=tcp://…@host:1/path"),
            ("tcp://127.0.0.1:8899", "tcp://127.0.0.1:8899"),
            ("tls://host:1?key=k", "tls://host:1?…"),
            ("tcp://a:1?x=k,unix:///run/x", "tcp://a:1?…,unix:///run/x"),
            ("ha:tcp://user:pw@a:1,tcp://b:2", "ha:tcp://…@a:1,tcp://b:2"),
            ("ha:key=k,tcp://user:pw@a:1", "ha:…,tcp://…@a:1"),
            // A password with what elsewhere divides.
            ("tcp://user:p?w@host", "tcp://…"),
            ("tcp://user:p,w@host", "tcp://…,…"),
            ("tcp://user:p@w@host", "tcp://…@host"),
            ("tcp://user:p/w@host", "tcp://…@host"),
            ("tcp://host?key=a@k", "tcp://…"),
            ("tcp://host?key=a,k", "tcp://…,…"),
            // No endpoint.
            ("--json=out.json", "--json=out.json"),
            ("1,16", "1,16"),
        ] {
            assert_eq!(without_secrets(typed), kept, "{typed}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_secret_is_left_whatever_it_is_made_of(
            before in "[-a-z:=,/?@&%]{0,6}", after in "[-a-z:=,/?@&%]{0,6}", is_option: bool,
        ) {
            let secret = format!("{before}S3CRET{after}");
            // That would be an endpoint of its own.
            proptest::prop_assume!(!secret.contains("://"));
            let endpoint = if is_option { format!("tcp://host?key={secret}") } else { format!("tcp://user:{secret}@host") };
            for typed in [endpoint.clone(), format!("--target={endpoint}"), format!("ha:{endpoint},tcp://b:1")] {
                let kept = without_secrets(&typed);
                proptest::prop_assert!(!kept.contains("S3CRET"), "{typed}: {kept}");
            }
        }
    }

    #[test]
    fn an_endpoint_in_a_sentence_is_told_without_secrets() {
        let odd = "tcp://me:pass word@host:1";
        for (said, told) in [
            ("tls://host:1?key=k cannot be reached: refused", "tls://host:1?… cannot be reached: refused"),
            (
                "`bench-cli serve --listen tcp://u:p@h:1`\n starts",
                "`bench-cli serve --listen tcp://…@h:1`\n starts",
            ),
            ("tcp://me:pass word@host:1 is silent", "tcp://…@host:1 is silent"),
            ("host `me:pass word@host` is no name", "host `…@host` is no name"),
            ("the password `pass word` is wrong", "the password `…` is wrong"),
            ("no reply within 5 s: who?", "no reply within 5 s: who?"),
        ] {
            assert_eq!(told_without_secrets(said, Some(odd)), told);
        }
        let typed = Some("tls://host:1?key=S3CRET&pin=ab12");
        for said in ["option key=S3CRET: no such file", "`S3CRET` is no key", "key=S3CRET&pin=ab12"] {
            let told = told_without_secrets(said, typed);
            assert!(!told.contains("S3CRET") && told.contains('…'), "{told}");
        }
    }
}
