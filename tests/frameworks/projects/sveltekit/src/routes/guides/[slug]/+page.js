export const entries = () => ["getting-started", "deploy", "step-2"].map((slug) => ({ slug }));

export const load = ({ params }) => ({ slug: params.slug, edition: "EDITION" });
