//! Detection of virtual machines.

use super::root::{Root, field};

/// What vendors of virtual machines call them.
const PRODUCTS: [&str; 9] = [
    "KVM",
    "QEMU",
    "VMware",
    "VirtualBox",
    "Virtual Machine",
    "HVM domU",
    "Amazon EC2",
    "Google Compute Engine",
    "OpenStack",
];

/// What the machine is, if it is a virtual one; `Some(None)` where it is none. `None` where that is unknown.
pub(crate) fn virtual_machine(root: &Root) -> Option<Option<String>> {
    let dmi = |name: &str| root.read(&format!("sys/class/dmi/id/{name}")).filter(|text| !text.is_empty());
    let product =
        [dmi("sys_vendor"), dmi("product_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let kind = root.read("sys/hypervisor/type").filter(|kind| kind != "none");
    let info = root.read("proc/cpuinfo").unwrap_or_default();
    let flags = field(&info, "flags");
    let has_flag = flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let is_metal = dmi("product_name").is_some_and(|name| name.contains(".metal"));
    let is_product = !is_metal && PRODUCTS.iter().any(|known| product.contains(known));
    match kind {
        Some(kind) => Some(Some(kind)),
        None if has_flag && product.is_empty() => Some(Some("of a kind it does not tell".to_owned())),
        None if has_flag || is_product => Some(Some(product)),
        None if flags.is_some() || !product.is_empty() => Some(None),
        None => None,
    }
}

/// What the kernel says of known flaws of the processor that it works around, or doesn't.
pub(crate) fn mitigations(root: &Root) -> Vec<(String, String)> {
    let folder = "sys/devices/system/cpu/vulnerabilities";
    let flaws = root.list(folder).into_iter();
    let said = flaws.filter_map(|flaw| Some((flaw.clone(), root.read(&format!("{folder}/{flaw}"))?)));
    said.filter(|(_, said)| said != "Not affected").collect()
}
