//! The [`Transport`](listenrain::Transport) implementation of every transport with options of its own.

use listenrain::{Endpoint, EndpointError};

/// Implements [`Transport`](listenrain::Transport) for a struct with fields `options` and `id`, its constructor, and a method
/// for each part that it can be given in place of its own. A transport with another part is another one, so each renews
/// `id`: connections that are shared by transport and endpoint must not cross from one to the other.
///
/// Where its listeners show certificates from files, `reload` names the field that tells them to look again.
///
/// The struct implements `Default`, and has these methods of its own:
///
/// * `target`: what is dialled or listened at, with what that takes, or why an endpoint of its scheme is none of its own. A
///   target has a method `dialer` for what `dial`s it, and `Listener::bind` takes one; a listener has its `endpoint`, and a
///   method `accept`;
/// * `scratch`: a scratch endpoint.
macro_rules! transport {
    (
        $transport:ident: $of_scheme:ident($scheme:expr), $options:ty, [$($capability:ident),+] $(, reload: $($reload:ident).+)?;
        $(
            $(#[$docs:meta])*
            $with:ident($part:ident: $type:ty) => $($($field:ident).+ = $value:expr),+;
        )*
    ) => {
        impl $transport {
            /// A transport with these options, which an endpoint's own options override.
            ///
            /// # Errors
            ///
            /// When a value is out of bounds; the error names the option and what is allowed.
            pub fn new(options: $options) -> Result<Self, $crate::options::OptionError> {
                options.check()?;
                Ok(Self { options, ..Self::default() })
            }

            /// Its options, as used where an endpoint says nothing else.
            #[must_use]
            pub fn options(&self) -> &$options {
                &self.options
            }

            $(
                $(#[$docs])*
                #[must_use]
                pub fn $with(mut self, $part: $type) -> Self {
                    $(self.$($field).+ = $value;)+
                    self.id = listenrain::TransportId::new();
                    self
                }
            )*
        }

        impl listenrain::Transport for $transport {
            fn scheme(&self) -> &str {
                $scheme
            }

            fn capabilities(&self) -> listenrain::Capabilities {
                let mut capabilities = listenrain::Capabilities::default();
                $(capabilities.$capability = true;)+
                capabilities
            }

            fn options(&self) -> Vec<$crate::options::OptionInfo> {
                <$options>::list().copied().collect()
            }

            fn dialer(
                &self,
                endpoint: &listenrain::Endpoint,
            ) -> Result<Box<dyn listenrain::ChannelGenerator>, listenrain::EndpointError> {
                let endpoint = $of_scheme(endpoint, $scheme)?;
                let dialer = self.target(endpoint.clone())?.dialer()?;
                Ok(listenrain::transport::generator(endpoint, move || dialer.clone().dial()))
            }

            fn listen<'a>(
                &'a self,
                endpoint: &'a listenrain::Endpoint,
            ) -> listenrain::BoxFuture<
                'a,
                Result<Box<dyn listenrain::ChannelGenerator>, listenrain::NextError>,
            > {
                Box::pin(async move {
                    let target = $of_scheme(endpoint, $scheme).and_then(|endpoint| self.target(endpoint));
                    let target = target.map_err(|error| listenrain::NextError::invalid("listen", error))?;
                    Ok(Box::new(Listener::bind(target).await?) as _)
                })
            }

            $(fn reload(&self) {
                self.$($reload).+.now();
            })?

            fn scratch_endpoint(&self) -> listenrain::Endpoint {
                self.scratch()
            }

            fn id(&self) -> Option<listenrain::TransportId> {
                Some(self.id.clone())
            }
        }

        impl listenrain::ChannelGenerator for Listener {
            fn next(
                &mut self,
            ) -> listenrain::BoxFuture<'_, Result<listenrain::Channel, listenrain::NextError>> {
                Box::pin(self.accept())
            }

            fn endpoint(&self) -> &listenrain::Endpoint {
                &self.endpoint
            }
        }
    };
}
pub(crate) use transport;

/// `endpoint`, if it is for the transport of `scheme`.
pub(crate) fn of_scheme(endpoint: &Endpoint, scheme: &str) -> Result<Endpoint, EndpointError> {
    if endpoint.scheme() != scheme {
        return Err(endpoint.invalid(format!("is not for the transport `{scheme}`")));
    }
    Ok(endpoint.clone())
}
